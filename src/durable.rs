//! Atomic, durable replacement of files: after a crash, the file has either its old or its new content.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Replaces a file atomically: writes `<path>.new`, syncs it, renames it to `path` and syncs the directory. Blocks.
///
/// # Errors
/// If a step fails. The old content stays in place unless the final sync of the directory failed.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let temp_path = path.with_added_extension("new");
    let mut file = File::create(&temp_path)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temp_path, path)?;
    let dir = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}
