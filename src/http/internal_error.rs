//! Errors caused by bugs of the gateway.

use std::fmt;

use tonic::Status;

use crate::types::{ApiError, ErrorReason};

/// Returns the status for a condition that only a bug can cause.
pub fn internal_error(message: impl fmt::Display) -> Status {
    let message =
        format!("internal error of the HTTP gateway: {message}; look at the log of the server, and report a bug");
    Status::from(ApiError::new(ErrorReason::Internal, "", message))
}
