//! Files that survive: replaced as a whole, so that after whatever happens there is the old one or the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file beside its place (its name and `.new`), makes it durable and renames it into it. Blocks.
///
/// # Errors
/// If it can't be written; then the file is as it was.
pub fn replace_file(path: &Path, content: &[u8]) -> io::Result<()> {
    let temp_path = path.with_added_extension("new");
    let mut file = File::create(&temp_path)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&temp_path, path)?;
    let dir = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}
