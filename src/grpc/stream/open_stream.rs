//! Open streams, whose number is bounded by `--max-streams`.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use crate::grpc::readiness::CallGuard;
use crate::metrics as names;
use crate::types::{ApiError, ErrorReason};

/// Permit of an open stream. Counts the stream in the metrics, and keeps the server from shutting down before it is dropped.
#[derive(Debug)]
pub struct OpenStream {
    call: &'static str,
    _permit: OwnedSemaphorePermit,
    guard: CallGuard,
}

impl OpenStream {
    /// Opens a stream; `call` is its label in the metrics.
    ///
    /// # Errors
    /// `OVERLOADED` if the maximum number of streams is open.
    pub fn new(call: &'static str, guard: CallGuard) -> Result<Self, Status> {
        let permit = Arc::clone(&guard.stream_permits).try_acquire_owned().map_err(|_| {
            let max = guard.limits.max_streams;
            let message = format!(
                "all {max} streams of the server are in use; retry after the delay in RetryInfo, or raise --max-streams"
            );
            ApiError::new(ErrorReason::Overloaded, "", message)
        })?;
        gauge!(names::STREAMS, "call" => call).increment(1.0);
        Ok(Self { call, _permit: permit, guard })
    }

    /// Returns the maximum time that results may wait for a client that reads none.
    pub fn stall_timeout(&self) -> Duration {
        self.guard.limits.stream_idle_timeout
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        gauge!(names::STREAMS, "call" => self.call).decrement(1.0);
    }
}
