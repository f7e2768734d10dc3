//! Errors that only a bug can cause.

use tonic::Status;

use crate::types::{ApiError, ErrorReason};

/// Returns the status of a bug of the gateway.
pub fn internal_error(message: impl Into<String>) -> Status {
    Status::from(ApiError::new(ErrorReason::Internal, "", message))
}
