//! The file that a log was before it was rotated.
//!
//! `logrotate` renames a log (`app.log` becomes `app.log.1`), or copies and empties it (`copytruncate`), and may compress
//! what it made. It is found by its content: it begins with what was read under the old name.

use std::cmp::Reverse;
use std::fs::DirEntry;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::byte_stream::TextEncoding;
use super::file_change::{FileChange, detect_change};
use super::paths::InputSource;
use crate::cli::ingest::input_file::FileRecord;

/// Maximum files beside a log that are compared, the newest first.
const MAX_CANDIDATES: usize = 32;

/// What a log was before, and what came between.
#[derive(Debug)]
pub struct RotatedLog {
    /// The file that has what was read.
    pub file: InputSource,
    /// Whether it has more than that.
    has_more: bool,
    /// Files that were rotated later, in their order: nothing of them was read.
    newer_files: Vec<InputSource>,
}

impl RotatedLog {
    /// Returns the files to read before the log itself, but for those that are read anyway: the rest of the first, the others
    /// as a whole.
    pub fn unread_files(&self, is_listed: impl Fn(&InputSource) -> bool) -> Vec<InputSource> {
        let partially_read = Some(&self.file).filter(|_| self.has_more);
        partially_read.into_iter().chain(&self.newer_files).filter(|file| !is_listed(file)).cloned().collect()
    }
}

/// A file beside a log.
#[derive(Debug)]
struct Candidate {
    is_same_file: bool,
    modified: SystemTime,
    /// `None` where the file system doesn't tell.
    created: Option<SystemTime>,
    path: PathBuf,
}

impl Candidate {
    /// Tells whether the times allow that it is newer. Whoever numbers rotated files upwards has the newest last: then its
    /// name looks older. A file that was rotated may still be written to, and a compressed one is created late.
    fn may_be_newer_than(&self, other: &Self) -> bool {
        self.modified >= other.modified || self.created.zip(other.created).is_some_and(|(own, other)| own > other)
    }
}

/// Finds the file that has what was read of a source, under another name in the same directory.
pub fn find(source: &InputSource, record: &FileRecord, encoding: TextEncoding) -> Option<RotatedLog> {
    let candidates = list_candidates(record)?;
    let mut newest_first: Vec<&Candidate> = candidates.iter().collect();
    newest_first.sort_by_key(|candidate| Reverse((candidate.is_same_file, candidate.modified)));
    let found = newest_first.into_iter().take(MAX_CANDIDATES).find_map(|candidate| {
        let file = to_source(candidate, source)?;
        // Without any content, only the inode tells.
        if record.bytes == 0 && !candidate.is_same_file {
            return None;
        }
        match detect_change(&file, record, encoding) {
            FileChange::Unchanged => Some((candidate, file, false)),
            FileChange::Appended => Some((candidate, file, true)),
            FileChange::Replaced | FileChange::Unknown => None,
        }
    });
    let (found, file, has_more) = found?;
    let found_name = RotatedName::parse(&found.path);
    let mut newer_files: Vec<_> = candidates.iter().map(|other| (RotatedName::parse(&other.path), other)).collect();
    newer_files.retain(|(name, other)| name.is_newer_than(&found_name) && other.may_be_newer_than(found));
    newer_files.sort_by(|(one, _), (other, _)| one.order.cmp(&other.order));
    let newer_files = newer_files
        .into_iter()
        .map(|(_, candidate)| candidate)
        .filter_map(|candidate| to_source(candidate, source))
        .collect();
    Some(RotatedLog { file, has_more, newer_files })
}

fn to_source(candidate: &Candidate, source: &InputSource) -> Option<InputSource> {
    let bytes = std::fs::metadata(&candidate.path).ok()?.len();
    Some(InputSource { path: candidate.path.clone(), bytes: Some(bytes), ..source.clone() })
}

/// Lists the files in the directory of a log whose names begin like its own.
fn list_candidates(record: &FileRecord) -> Option<Vec<Candidate>> {
    let path = Path::new(&record.path);
    let (directory, name) = (path.parent()?, path.file_name()?.to_str()?);
    // `app.log` may become `app.log.1`, `app-20240229.log` or `app.log.1.gz`.
    let stem = name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or(name);
    let is_candidate = |entry: &DirEntry| {
        let other = entry.file_name();
        other
            .to_str()
            .is_some_and(|other| other != name && other.starts_with(stem) && !other.ends_with("rejects.jsonl"))
    };
    let entries = std::fs::read_dir(directory).ok()?.filter_map(Result::ok).filter(is_candidate);
    Some(entries.filter_map(|entry| inspect_candidate(&entry, record)).collect())
}

fn inspect_candidate(entry: &DirEntry, record: &FileRecord) -> Option<Candidate> {
    let metadata = entry.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let is_same_file = record.inode != 0 && (metadata.dev(), metadata.ino()) == (record.device, record.inode);
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Some(Candidate { is_same_file, modified, created: metadata.created().ok(), path: entry.path() })
}

/// The name of a file that was rotated, without the ending of a compression.
struct RotatedName {
    /// With `#` for each number, such as `app.log.#`: other logs may lie beside it.
    name_pattern: String,
    /// Files are ordered by it, the oldest first.
    order: (Reverse<u64>, String),
}

impl RotatedName {
    fn parse(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = [".gz", ".zst"].into_iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
        let mut name_pattern = String::new();
        for letter in name.chars() {
            let is_digit = letter.is_ascii_digit();
            if !is_digit || !name_pattern.ends_with('#') {
                name_pattern.push(if is_digit { '#' } else { letter });
            }
        }
        // Of `app.log.2` and `app.log.1` the former is older; of dates, which come elsewhere, the smaller.
        let (base_name, suffix) = name.rsplit_once('.').unwrap_or((name, ""));
        let order = match suffix.parse() {
            Ok(number) => (Reverse(number), base_name.to_owned()),
            Err(_) => (Reverse(0), name.to_owned()),
        };
        Self { name_pattern, order }
    }

    fn is_newer_than(&self, other: &Self) -> bool {
        self.name_pattern == other.name_pattern && self.order > other.order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_rotation_have_one_pattern() {
        let is_newer = |one: &str, other: &str| {
            RotatedName::parse(Path::new(one)).is_newer_than(&RotatedName::parse(Path::new(other)))
        };
        assert!(is_newer("app.jsonl.2", "/var/log/app.jsonl.10.gz") && !is_newer("app.jsonl.10.gz", "app.jsonl.2"));
        assert!(
            is_newer("app-20240301.jsonl", "app-20240229.jsonl")
                && is_newer("app.jsonl-20240301", "app.jsonl-20240229.gz")
        );
        for other in ["app-errors.jsonl.2", "app.jsonl", "app.jsonl.1", "app2.jsonl"] {
            assert!(!is_newer(other, "app.jsonl.1"), "{other}");
        }
    }
}
