//! Errors that only a bug can cause.

use tonic::Status;

use crate::types::{Fault, Reason};

/// Returns the status of a bug of the gateway.
pub fn internal(message: impl Into<String>) -> Status {
    Status::from(Fault::new(Reason::Internal, "", message))
}
