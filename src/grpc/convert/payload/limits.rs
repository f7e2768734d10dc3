//! Bounds of payloads.

use std::io;

use crate::grpc::limits::MOST_NESTED;
use crate::types::{Fault, FieldPath, Payload, Reason};

/// The field of a document, and the beginning of every path.
pub const FIELD: &str = "payload";

/// How large a payload may be.
#[derive(Debug, Clone, Copy)]
pub struct PayloadLimits {
    /// Bytes of the payload as JSON without blanks, however it was sent.
    pub bytes: usize,
    /// Levels of objects and lists, the payload itself included.
    pub depth: usize,
}

/// Measures both forms alike, so that a document isn't refused in the one and taken in the other.
///
/// # Errors
/// If the payload has more bytes than are taken.
pub fn check_bytes(payload: &Payload, max_bytes: usize) -> Result<(), Fault> {
    let mut counter = Counter(0);
    // Counting can't fail.
    let _counted = serde_json::to_writer(&mut counter, payload);
    if counter.0 <= max_bytes {
        return Ok(());
    }
    Err(too_large(&counter.0.to_string(), max_bytes))
}

/// Returns the fault of a payload that is too large.
pub fn too_large(bytes: &str, max_bytes: usize) -> Fault {
    let message = format!(
        "it has {bytes} bytes as JSON and {max_bytes} are taken; make it smaller, or raise --max-payload-bytes"
    );
    invalid_at(&FieldPath::new(FIELD), message)
}

/// Counts the bytes that are written.
struct Counter(usize);

impl io::Write for Counter {
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
pub fn descend(room: usize, path: &FieldPath<'_>) -> Result<usize, Fault> {
    room.checked_sub(1).ok_or_else(|| {
        let message =
            format!("it is nested too deep; make it flatter, or raise --max-payload-depth (at most {MOST_NESTED})");
        invalid_at(path, message)
    })
}

/// Returns the fault of the value at a path.
pub fn invalid_at(path: &FieldPath<'_>, message: impl Into<String>) -> Fault {
    Fault::new(Reason::InvalidArgument, path.to_string(), message)
}
