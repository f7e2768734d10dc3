//! `first_sequence`: sequence number of the first operation of a stream.

use crate::grpc::errors::invalid_argument;
use crate::types::ApiError;

/// Maximum value of `first_sequence`.
pub const MAX_FIRST_SEQUENCE: u64 = 1 << 62;

/// Parses `first_sequence`; 0 starts at 1. The maximum leaves enough numbers above it: at a million operations per second, they
/// last for 140,000 years.
///
/// # Errors
/// `INVALID_ARGUMENT` if the value is out of range.
pub fn parse_first_sequence(sequence: u64) -> Result<u64, ApiError> {
    match sequence {
        0 => Ok(1),
        sequence if sequence <= MAX_FIRST_SEQUENCE => Ok(sequence),
        _ => Err(invalid_argument(
            "first_sequence",
            format!("{sequence} is out of range; send 1 to {MAX_FIRST_SEQUENCE}, or 0 to start at 1"),
        )),
    }
}
