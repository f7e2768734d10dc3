//! Errors of files.

use std::io;
use std::path::Path;

use anyhow::Context;

/// Names the file and what failed, as in `can't read docs.jsonl`, around an error.
///
/// # Errors
/// If the outcome is one.
pub fn with_file_context<T>(result: io::Result<T>, verb: &str, path: &Path) -> anyhow::Result<T> {
    result.with_context(|| format!("can't {verb} {}", path.display()))
}
