//! Faults that several services report.

use crate::types::{ApiError, ErrorReason};

/// Returns the fault of a field that is missing or out of bounds.
pub fn invalid_argument(field: &str, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorReason::InvalidArgument, field, message)
}

/// Returns the fault of options in a message of a stream that is not its first.
pub fn late_options_error() -> ApiError {
    invalid_argument(
        "options",
        "options are allowed in the first message of a stream only; omit them from later messages",
    )
}

/// Returns the fault of a field that is declared and not implemented.
pub fn unimplemented_field(field: &str) -> ApiError {
    ApiError::new(
        ErrorReason::Unimplemented,
        field,
        "this server doesn't implement it yet; omit it, or use a server that does",
    )
}
