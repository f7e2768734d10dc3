//! Readiness of the services: calls are refused until the models are loaded, and after shutdown has begun.
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

/// Admits calls to the services while the server is ready, and tracks them until they end.
#[derive(Debug, Clone)]
pub struct Readiness {
    context: Arc<RwLock<Option<Arc<ServiceContext>>>>,
    stopping: CancellationToken,
    calls: TaskTracker,
}

/// Access to the [`ServiceContext`] for one admitted call. [`Readiness::drain`] waits until all guards are dropped.
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
    /// Creates a `Readiness` that refuses calls until [`Self::set_ready`], and again when `stopping` is cancelled.
    pub fn new(stopping: CancellationToken) -> Self {
        Self { context: Arc::default(), stopping, calls: TaskTracker::new() }
    }

    /// Admits calls from now on.
    pub fn set_ready(&self, context: ServiceContext) {
        *self.context.write() = Some(Arc::new(context));
    }

    /// Admits a call.
    ///
    /// # Errors
    /// `UNAVAILABLE` if the server is starting (`STARTING`) or shutting down (`SHUTTING_DOWN`).
    pub fn admit(&self) -> Result<CallGuard, Status> {
        // Taken before the check: a call that passes it concurrently with the shutdown is waited for by `drain`.
        let call = self.calls.token();
        // Checked first: a server that is stopped while it starts reports SHUTTING_DOWN.
        if self.stopping.is_cancelled() {
            return Err(stopping_status());
        }
        let context = self.context().ok_or_else(|| {
            ApiError::new(ErrorReason::Starting, "", "the server is starting; retry when its health status is SERVING")
        })?;
        Ok(CallGuard { context, _call: call })
    }

    /// Returns the shared state if it is loaded, also during shutdown; for metrics and status pages.
    pub fn context(&self) -> Option<Arc<ServiceContext>> {
        self.context.read().clone()
    }

    /// Waits until all admitted calls have ended. Called during shutdown.
    pub async fn drain(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    /// Drops the shared state, although clones of this `Readiness` may still exist.
    pub fn release_context(&self) {
        self.context.write().take();
    }
}

/// Returns the status of calls and streams that the shutdown of the server ends.
pub fn stopping_status() -> Status {
    let message =
        "the server is shutting down; send the call, or the stream's operations without a result, to another server";
    ApiError::new(ErrorReason::ShuttingDown, "", message).into()
}
