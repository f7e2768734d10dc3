//! Removes files that were listed more than once, and detects text files that would have the same id.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use anyhow::bail;

use super::path_display::display_path;
use super::skipped_files::list_names;
use super::source::InputSource;
use crate::cli::ingest::reader::InputFormat;

/// Identity of a file, equal for all its paths.
#[derive(PartialEq, Eq, Hash)]
enum FileIdentity {
    /// Canonical path. Used for whole-file documents: their id is the path, so a hard link is another document.
    Path(PathBuf),
    /// Inode, with size and modification time because inode numbers are not reliable on every file system.
    Inode { device: u64, inode: u64, bytes: u64, modified: (i64, i64) },
}

/// Removes duplicate sources, keeping the first; returns a notice if any were removed.
pub fn remove_duplicates(sources: &mut Vec<InputSource>) -> Option<String> {
    let mut seen = HashSet::new();
    let (mut count, mut names) = (0, Vec::new());
    sources.retain(|source| {
        let is_first = seen.insert(identify(source));
        if !is_first {
            count += 1;
            if count <= 3 {
                names.push(display_path(&source.path));
            }
        }
        is_first
    });
    (count > 0).then(|| format!("duplicate paths skipped: {count} ({})", list_names(count, &names)))
}

fn identify(source: &InputSource) -> FileIdentity {
    match std::fs::metadata(&source.path).ok().filter(|_| source.format != InputFormat::Text) {
        Some(found) if found.is_file() => FileIdentity::Inode {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        },
        // A pipe may have no canonical path.
        _ => FileIdentity::Path(source.path.canonicalize().unwrap_or_else(|_| source.path.clone())),
    }
}

/// Checks that no two text files have the same name, since one document would overwrite the other.
///
/// # Errors
/// If two text files would have the same id.
pub fn check_unique_ids(sources: &[InputSource]) -> anyhow::Result<()> {
    let mut seen = HashMap::new();
    for source in sources.iter().filter(|source| source.format == InputFormat::Text) {
        if let Some(other) = seen.insert(source.name.as_str(), &source.path) {
            bail!(
                "{} and {} would have the same id, {}; pass their common parent directory, or ingest them in two runs with \
                 --id-prefix",
                display_path(other),
                display_path(&source.path),
                source.name
            );
        }
    }
    Ok(())
}
