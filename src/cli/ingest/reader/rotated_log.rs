//! Finds the file to which a log was rotated.
//!
//! `logrotate` renames a log (`app.log` becomes `app.log.1`) or copies and truncates it (`copytruncate`), and may compress
//! the result. The rotated file is identified by its content: it starts with the content that was read under the old name.

use std::cmp::Reverse;
use std::fs::DirEntry;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::byte_stream::TextEncoding;
use super::file_change::{FileChange, detect_change};
use super::paths::InputSource;
use crate::cli::ingest::input_file::FileRecord;

/// Maximum number of files in the log's directory that are compared, newest first.
const MAX_CANDIDATES: usize = 32;

/// Rotated file of a log, and the files rotated after it.
#[derive(Debug)]
pub struct RotatedLog {
    /// File that holds the content already read.
    pub file: InputSource,
    /// True if the file holds unread content too.
    has_more: bool,
    /// Files that were rotated later, oldest first; none of their content was read.
    newer_files: Vec<InputSource>,
}

impl RotatedLog {
    /// Returns the files to read before the log itself: the partially read one, if it has unread content, and the newer ones.
    /// Files that `is_listed` accepts are left out, because they are read as part of the input.
    pub fn unread_files(&self, is_listed: impl Fn(&InputSource) -> bool) -> Vec<InputSource> {
        let partially_read = Some(&self.file).filter(|_| self.has_more);
        partially_read.into_iter().chain(&self.newer_files).filter(|file| !is_listed(file)).cloned().collect()
    }
}

/// File in the directory of a log.
#[derive(Debug)]
struct Candidate {
    is_same_file: bool,
    modified: SystemTime,
    /// Creation time; `None` if the file system does not store it.
    created: Option<SystemTime>,
    path: PathBuf,
}

impl Candidate {
    /// Returns whether the timestamps allow this file to be newer. Names alone are ambiguous: some tools give the newest file the
    /// highest number. Either time may decide, since a rotated file may still be written to and a compressed one is created late.
    fn may_be_newer_than(&self, other: &Self) -> bool {
        self.modified >= other.modified || self.created.zip(other.created).is_some_and(|(own, other)| own > other)
    }
}

/// Finds the file in the same directory that holds the content read of a source under its old name.
pub fn find(source: &InputSource, record: &FileRecord, encoding: TextEncoding) -> Option<RotatedLog> {
    let candidates = list_candidates(record)?;
    let mut newest_first: Vec<&Candidate> = candidates.iter().collect();
    newest_first.sort_by_key(|candidate| Reverse((candidate.is_same_file, candidate.modified)));
    let found = newest_first.into_iter().take(MAX_CANDIDATES).find_map(|candidate| {
        let file = to_source(candidate, source)?;
        // An empty prefix matches every file, so the inode decides.
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

/// Lists the files in the directory of a log whose names start with its stem.
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

/// Parsed name of a rotated file, without a compression extension.
struct RotatedName {
    /// Name with each number replaced by `#`, such as `app.log.#`; tells the log apart from other logs in the directory.
    name_pattern: String,
    /// Sort key, oldest first.
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
        // `app.log.2` is older than `app.log.1`; for names with a date, the earlier date is older.
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
