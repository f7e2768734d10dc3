//! The file that a log was before it was rotated.
//!
//! `logrotate` renames a log (`app.log` becomes `app.log.1`), or copies and empties it (`copytruncate`), and may compress
//! what it made. It is found by its content: it begins with what was read under the old name.

use std::cmp::Reverse;
use std::fs::DirEntry;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::SystemTime;

use super::compare::{Change, compare};
use super::compressed::TextEncoding;
use super::paths::Source;
use crate::cli::ingest::input_file::FileRecord;

/// Maximum files beside a log that are compared, the newest first.
const MAX_CANDIDATES: usize = 32;

/// Finds the file that has what was read of a source, under another name in the same directory. Returns it with whether it
/// holds more than that.
pub fn find(source: &Source, record: &FileRecord, encoding: TextEncoding) -> Option<(Source, bool)> {
    let path = Path::new(&record.path);
    let (directory, name) = (path.parent()?, path.file_name()?.to_str()?);
    // `app.log` may become `app.log.1`, `app-20240229.log` or `app.log.1.gz`.
    let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or(name);
    let entries = std::fs::read_dir(directory).ok()?.filter_map(Result::ok);
    let is_candidate = |entry: &DirEntry| {
        let other = entry.file_name();
        other
            .to_str()
            .is_some_and(|other| other != name && other.starts_with(stem) && !other.ends_with("rejects.jsonl"))
    };
    let mut candidates: Vec<_> = entries.filter(is_candidate).filter_map(|entry| candidate(&entry, record)).collect();
    candidates.sort_by_key(|(is_same_file, modified, _)| Reverse((*is_same_file, *modified)));
    candidates.truncate(MAX_CANDIDATES);
    candidates.into_iter().find_map(|(is_same_file, _, path)| {
        let bytes = std::fs::metadata(&path).ok()?.len();
        let candidate = Source { path, bytes: Some(bytes), ..source.clone() };
        // Without any content, only the inode tells.
        if record.bytes == 0 && !is_same_file {
            return None;
        }
        match compare(&candidate, record, encoding) {
            Change::Same => Some((candidate, false)),
            Change::Grown => Some((candidate, true)),
            Change::Replaced | Change::Unknown => None,
        }
    })
}

fn candidate(entry: &DirEntry, record: &FileRecord) -> Option<(bool, SystemTime, std::path::PathBuf)> {
    let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let is_same_file = record.inode != 0 && (metadata.dev(), metadata.ino()) == (record.device, record.inode);
    Some((is_same_file, metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), entry.path()))
}
