//! The gate of the services: closed while the model is loaded and after the server has begun to stop.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::Shared;
use super::status::status;
use super::stream::stopping_status;
use crate::types::{Fault, Reason};

/// Lets calls through to what the services share, once it is there and until the server stops.
#[derive(Debug, Clone)]
pub struct Gate {
    shared: Arc<OnceLock<Shared>>,
    stopping: CancellationToken,
}

impl Gate {
    /// A closed gate. It closes for good when `stopping` is cancelled.
    pub fn new(stopping: CancellationToken) -> Self {
        Self { shared: Arc::default(), stopping }
    }

    /// Opens the gate; the first time counts.
    pub fn open(&self, shared: Shared) {
        let _first = self.shared.set(shared);
    }

    /// What the services share.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the server is still starting, or is stopping.
    pub fn pass(&self) -> Result<&Shared, Status> {
        if self.stopping.is_cancelled() {
            return Err(stopping_status());
        }
        self.shared.get().ok_or_else(|| {
            status(Fault::new(Reason::Starting, "", "the server is starting; wait until its health is SERVING"))
        })
    }

    /// What the services share, even while the server stops; for observers.
    pub fn peek(&self) -> Option<&Shared> {
        self.shared.get()
    }
}
