//! Streams that are open, of which there is a bounded number.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::OwnedSemaphorePermit;
use tonic::Status;

use crate::grpc::gate::Pass;
use crate::metrics as names;
use crate::types::{Fault, Reason};

/// Counts a stream as open while it lives, and keeps the server from ending before it.
#[derive(Debug)]
pub struct OpenStream {
    call: &'static str,
    _permit: OwnedSemaphorePermit,
    pass: Pass,
}

impl OpenStream {
    /// Opens a stream of a call, which metrics call `call`.
    ///
    /// # Errors
    /// If as many streams are open as there may be.
    pub fn new(call: &'static str, pass: Pass) -> Result<Self, Status> {
        let permit = Arc::clone(&pass.streams).try_acquire_owned().map_err(|_| {
            let max = pass.limits.streams;
            let message =
                format!("{max} streams are open, and more are not taken; try again later, or raise --max-streams");
            Fault::new(Reason::Overloaded, "", message)
        })?;
        gauge!(names::STREAMS, "call" => call).increment(1.0);
        Ok(Self { call, _permit: permit, pass })
    }

    /// Returns how long the stream's results may wait for a client that takes none.
    pub fn stall_timeout(&self) -> Duration {
        self.pass.limits.stream_idle
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        gauge!(names::STREAMS, "call" => self.call).decrement(1.0);
    }
}
