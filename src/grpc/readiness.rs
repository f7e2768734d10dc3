//! The gate of the services: closed while the models are loaded and after the server has begun to stop.
//!
//! See docs/adr/0049-layers-around-services.md.

use std::ops::Deref;
use std::sync::Arc;

use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tonic::Status;

use super::ServiceContext;
use crate::types::{ApiError, ErrorReason};

/// Lets calls through to what the services share, once it is there and until the server stops.
#[derive(Debug, Clone)]
pub struct Readiness {
    context: Arc<RwLock<Option<Arc<ServiceContext>>>>,
    stopping: CancellationToken,
    calls: TaskTracker,
}

/// What a call got through the gate with. The server's end waits until it is dropped.
#[derive(Debug, Clone)]
pub struct CallGuard {
    context: Arc<ServiceContext>,
    _call: TaskTrackerToken,
}

impl Deref for CallGuard {
    type Target = ServiceContext;

    fn deref(&self) -> &ServiceContext {
        &self.context
    }
}

impl Readiness {
    /// A closed gate. It lets no call through any more when `stopping` is cancelled.
    pub fn new(stopping: CancellationToken) -> Self {
        Self { context: Arc::default(), stopping, calls: TaskTracker::new() }
    }

    /// Opens the gate.
    pub fn set_ready(&self, context: ServiceContext) {
        *self.context.write() = Some(Arc::new(context));
    }

    /// Lets a call through.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the server is still starting, or is stopping.
    pub fn admit(&self) -> Result<CallGuard, Status> {
        let call = self.calls.token();
        if self.stopping.is_cancelled() {
            return Err(stopping_status());
        }
        let context = self.context().ok_or_else(|| {
            ApiError::new(ErrorReason::Starting, "", "the server is starting; wait until its health is SERVING")
        })?;
        Ok(CallGuard { context, _call: call })
    }

    /// What the services share, even while the server stops; for observers.
    pub fn context(&self) -> Option<Arc<ServiceContext>> {
        self.context.read().clone()
    }

    /// Waits until every call that was let through has ended. Called when the server stops.
    pub async fn drain(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    /// Lets go of what the services share, whoever still has this gate.
    pub fn release_context(&self) {
        self.context.write().take();
    }
}

/// What a stream ends with that the server's end cut short.
pub fn stopping_status() -> Status {
    let message =
        "the server is stopping: every operation that it read has its result; send the rest to another server";
    ApiError::new(ErrorReason::ShuttingDown, "", message).into()
}
