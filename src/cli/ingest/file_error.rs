//! Context for I/O errors of files.

use std::io;
use std::path::Path;

use anyhow::Context;

/// Adds the operation and the file to an I/O error, as in `can't read docs.jsonl`.
///
/// # Errors
/// The error of `result`, with the context.
pub fn with_file_context<T>(result: io::Result<T>, verb: &str, path: &Path) -> anyhow::Result<T> {
    result.with_context(|| format!("can't {verb} {}", path.display()))
}
