//! Limits of payloads.

use std::io;

use crate::grpc::limits::MAX_PAYLOAD_DEPTH;
use crate::types::{ApiError, ErrorReason, FieldPath, Payload};

/// Name of the payload field of a document; the paths in errors begin with it.
pub const PAYLOAD_FIELD: &str = "payload";

/// Maximum size and nesting of a payload.
#[derive(Debug, Clone, Copy)]
pub struct PayloadLimits {
    /// Maximum size of the payload as JSON without whitespace, regardless of the format it was sent in.
    pub max_bytes: usize,
    /// Maximum number of levels of objects and lists, including the payload itself.
    pub max_depth: usize,
}

/// Checks the size of a payload as JSON. Both formats are measured in the same way, so a document isn't refused in one format
/// and accepted in the other.
///
/// # Errors
/// `INVALID_ARGUMENT` if the payload is larger than `max_bytes`.
pub fn check_bytes(payload: &Payload, max_bytes: usize) -> Result<(), ApiError> {
    let mut counter = ByteCounter(0);
    // Writing to the counter can't fail.
    let _counted = serde_json::to_writer(&mut counter, payload);
    if counter.0 <= max_bytes {
        return Ok(());
    }
    Err(too_large_error(&counter.0.to_string(), max_bytes))
}

/// Returns the error for a payload that is too large. `bytes` is its size, or `over MAX` if parsing stopped there.
pub fn too_large_error(bytes: &str, max_bytes: usize) -> ApiError {
    let message = format!(
        "the payload has {bytes} bytes as JSON, and the maximum is {max_bytes}; send less, or raise --max-payload-bytes"
    );
    invalid_argument_at(&FieldPath::new(PAYLOAD_FIELD), message)
}

/// Writer that counts bytes and discards them.
struct ByteCounter(usize);

impl io::Write for ByteCounter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Enters a level of nesting: returns the number of levels that may follow below it.
///
/// # Errors
/// `INVALID_ARGUMENT` if no level is left.
pub fn descend(remaining_depth: usize, path: &FieldPath<'_>) -> Result<usize, ApiError> {
    remaining_depth.checked_sub(1).ok_or_else(|| {
        let message = format!(
            "the value is nested too deeply; flatten the payload, or raise --max-payload-depth (at most {MAX_PAYLOAD_DEPTH})"
        );
        invalid_argument_at(path, message)
    })
}

/// Returns an error for the value at a path.
pub fn invalid_argument_at(path: &FieldPath<'_>, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorReason::InvalidArgument, path.to_string(), message)
}
