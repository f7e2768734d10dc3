//! Streams that are open, of which there is a bounded number.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use crate::grpc::readiness::CallGuard;
use crate::metrics as names;
use crate::types::{ApiError, ErrorReason};

/// Counts a stream as open while it lives, and keeps the server from ending before it.
#[derive(Debug)]
pub struct OpenStream {
    call: &'static str,
    _permit: OwnedSemaphorePermit,
    guard: CallGuard,
}

impl OpenStream {
    /// Opens a stream of a call, which metrics call `call`.
    ///
    /// # Errors
    /// If as many streams are open as there may be.
    pub fn new(call: &'static str, guard: CallGuard) -> Result<Self, Status> {
        let permit = Arc::clone(&guard.stream_permits).try_acquire_owned().map_err(|_| {
            let max = guard.limits.max_streams;
            let message =
                format!("{max} streams are open, and more are not taken; try again later, or raise --max-streams");
            ApiError::new(ErrorReason::Overloaded, "", message)
        })?;
        gauge!(names::STREAMS, "call" => call).increment(1.0);
        Ok(Self { call, _permit: permit, guard })
    }

    /// Returns how long the stream's results may wait for a client that takes none.
    pub fn stall_timeout(&self) -> Duration {
        self.guard.limits.stream_idle_timeout
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        gauge!(names::STREAMS, "call" => self.call).decrement(1.0);
    }
}
