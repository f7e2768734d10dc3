//! Files that were reached more than once, and texts that would have one id.

use std::collections::{HashMap, HashSet};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use anyhow::bail;

use super::path_display::display_path;
use super::skipped_files::list_names;
use super::source::InputSource;
use crate::cli::ingest::reader::InputFormat;

/// What makes two paths those of one file.
#[derive(PartialEq, Eq, Hash)]
enum FileIdentity {
    /// A whole-file document is named after its path, so a hard link is another one.
    Path(PathBuf),
    /// With size and time, since not every file system has numbers that can be relied on.
    Inode { device: u64, inode: u64, bytes: u64, modified: (i64, i64) },
}

/// Keeps the first of the sources that are one file; returns a notice if there were others.
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
    (count > 0).then(|| format!("{count} more paths of files that are read already ({})", list_names(count, &names)))
}

fn identify(source: &InputSource) -> FileIdentity {
    match std::fs::metadata(&source.path).ok().filter(|_| source.format != InputFormat::Text) {
        Some(found) if found.is_file() => FileIdentity::Inode {
            device: found.dev(),
            inode: found.ino(),
            bytes: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
        },
        // What has no whole path, such as a pipe, is called what it was called.
        _ => FileIdentity::Path(source.path.canonicalize().unwrap_or_else(|_| source.path.clone())),
    }
}

/// Refuses texts of the same name, of which one would replace the other.
///
/// # Errors
/// If there are some.
pub fn check_unique_ids(sources: &[InputSource]) -> anyhow::Result<()> {
    let mut seen = HashMap::new();
    for source in sources.iter().filter(|source| source.format == InputFormat::Text) {
        if let Some(other) = seen.insert(source.name.as_str(), &source.path) {
            bail!(
                "{} and {} would have the same id, {}; give the folder that both are in, or ingest them in two runs with \
                 --id-prefix",
                display_path(other),
                display_path(&source.path),
                source.name
            );
        }
    }
    Ok(())
}
