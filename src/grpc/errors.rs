//! Errors that several services return.

use crate::types::{ApiError, ErrorReason};

/// Returns the error for a field that is missing or invalid.
pub fn invalid_argument(field: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorReason::InvalidArgument, field, message)
}

/// Returns the error for options in a stream message other than the first.
pub fn late_options_error() -> ApiError {
    invalid_argument(
        "options",
        "options are allowed only in the first message of a stream; omit them from later messages",
    )
}

/// Returns the error for a field that the API declares and this server doesn't implement.
pub fn unimplemented_field(field: &str) -> ApiError {
    ApiError::new(
        ErrorReason::Unimplemented,
        field,
        "this server doesn't implement the field; omit it, or use a server version that implements it",
    )
}
