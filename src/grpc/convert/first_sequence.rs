//! The number of a stream's first operation.

use crate::grpc::errors::invalid_argument;
use crate::types::ApiError;

/// Maximum number of a stream's first operation.
pub const MAX_FIRST_SEQUENCE: u64 = 1 << 62;

/// Returns the number of a stream's first operation. Numbers don't run out behind it: a million operations a second take
/// 140,000 years.
///
/// # Errors
/// If it is out of bounds.
pub fn parse_first_sequence(sequence: u64) -> Result<u64, ApiError> {
    match sequence {
        0 => Ok(1),
        sequence if sequence <= MAX_FIRST_SEQUENCE => Ok(sequence),
        _ => Err(invalid_argument(
            "first_sequence",
            format!("it is {sequence}; send 1 to {MAX_FIRST_SEQUENCE}, or 0 for 1"),
        )),
    }
}
