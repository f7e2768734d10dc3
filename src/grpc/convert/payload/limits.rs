//! Bounds of payloads.

use std::io;

use crate::grpc::limits::MAX_PAYLOAD_DEPTH;
use crate::types::{ApiError, ErrorReason, FieldPath, Payload};

/// The field of a document, and the beginning of every path.
pub const PAYLOAD_FIELD: &str = "payload";

/// How large a payload may be.
#[derive(Debug, Clone, Copy)]
pub struct PayloadLimits {
    /// Bytes of the payload as JSON without blanks, however it was sent.
    pub max_bytes: usize,
    /// Levels of objects and lists, the payload itself included.
    pub max_depth: usize,
}

/// Measures both forms alike, so that a document isn't refused in the one and taken in the other.
///
/// # Errors
/// If the payload has more bytes than are taken.
pub fn check_bytes(payload: &Payload, max_bytes: usize) -> Result<(), ApiError> {
    let mut counter = ByteCounter(0);
    // Counting can't fail.
    let _counted = serde_json::to_writer(&mut counter, payload);
    if counter.0 <= max_bytes {
        return Ok(());
    }
    Err(too_large_error(&counter.0.to_string(), max_bytes))
}

/// Returns the fault of a payload that is too large.
pub fn too_large_error(bytes: &str, max_bytes: usize) -> ApiError {
    let message = format!(
        "it has {bytes} bytes as JSON and {max_bytes} are taken; make it smaller, or raise --max-payload-bytes"
    );
    invalid_argument_at(&FieldPath::new(PAYLOAD_FIELD), message)
}

/// Counts the bytes that are written.
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

/// Returns how many levels there may be below one, given how many there may be with it.
///
/// # Errors
/// If there may be none.
pub fn descend(remaining_depth: usize, path: &FieldPath<'_>) -> Result<usize, ApiError> {
    remaining_depth.checked_sub(1).ok_or_else(|| {
        let message = format!(
            "it is nested too deep; make it flatter, or raise --max-payload-depth (at most {MAX_PAYLOAD_DEPTH})"
        );
        invalid_argument_at(path, message)
    })
}

/// Returns the fault of the value at a path.
pub fn invalid_argument_at(path: &FieldPath<'_>, message: impl Into<String>) -> ApiError {
    ApiError::new(ErrorReason::InvalidArgument, path.to_string(), message)
}
