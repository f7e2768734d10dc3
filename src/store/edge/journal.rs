//! Crash-recovery journal of a collection.
//!
//! The file exists from the time a collection is opened until it has been closed cleanly. If a start finds it, the
//! collection needs repair (see repair.rs). While a merge runs, the journal also lists the points that were upserted and
//! deleted; during a repair, the points that are deleted and rewritten. One JSON value per line.
//!
//! See docs/adr/0033-embedded-crash-recovery.md.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::file_error;
use super::journal_entry::JournalEntry;
use super::sync::sync_directory;
use crate::store::StoreError;

/// File name of the journal in the collection's directory.
pub(super) const JOURNAL_FILE: &str = "open.jsonl";

/// Maximum number of characters of an entry that an error message shows.
const MAX_ENTRY_CHARS_IN_ERROR: usize = 100;

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Opened for appending.
    file: File,
}

impl Journal {
    /// Opens or creates the journal of a collection. It has entries if the previous process crashed.
    pub(super) fn open(collection: &Path) -> Result<Self, StoreError> {
        let path = collection.join(JOURNAL_FILE);
        let open = || -> io::Result<File> {
            let file = File::options().append(true).create(true).open(&path)?;
            file.sync_all()?;
            Ok(file)
        };
        let file = open().map_err(|error| file_error("write the file", &path, &error))?;
        // Otherwise a power failure could leave a collection that was open without its journal.
        sync_directory(collection)?;
        Ok(Self { path, file })
    }

    /// Returns whether the journal exists, which means that the previous process crashed.
    pub(super) fn exists_in(collection: &Path) -> bool {
        collection.join(JOURNAL_FILE).exists()
    }

    /// Reads all complete entries.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if the file can't be read, or a later version of this program wrote an unknown entry.
    pub(super) fn read_entries(&self) -> Result<Vec<JournalEntry>, StoreError> {
        let text = fs::read(&self.path).map_err(|error| file_error("read the file", &self.path, &error))?;
        parse_entries(&text).map_err(|entry| {
            let path = self.path.display();
            StoreError::Failed(format!(
                "{path} has an entry that this version of splade-sidecar does not support ({entry}); start the version \
                 that wrote it, or a later one, and shut it down cleanly first"
            ))
        })
    }

    /// Appends entries, durably. If the append fails, truncates the file to its previous length (best effort), because the
    /// entries describe changes that are not confirmed.
    pub(super) fn append(&mut self, entries: &[JournalEntry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let append_lines = || -> io::Result<()> {
            // Terminates a line that a crash may have truncated.
            let mut lines = vec![b'\n'];
            for entry in entries {
                serde_json::to_writer(&mut lines, entry)?;
                lines.push(b'\n');
            }
            self.write_durably(&lines)
        };
        append_lines().map_err(|error| file_error("write the file", &self.path, &error))
    }

    fn write_durably(&self, lines: &[u8]) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let result = (&self.file).write_all(lines).and_then(|()| self.file.sync_data());
        result.inspect_err(|_| {
            // Report the first error only; after it, the caller takes the collection out of service and appends nothing.
            let _undone = self.file.set_len(length).and_then(|()| self.file.sync_all());
        })
    }

    /// Removes all entries, durably.
    pub(super) fn clear(&self) -> Result<(), StoreError> {
        let result = self.file.set_len(0).and_then(|()| self.file.sync_all());
        result.map_err(|error| file_error("write the file", &self.path, &error))
    }

    /// Makes every further write fail.
    #[cfg(test)]
    pub(super) fn break_file(&mut self) {
        self.file = File::open(&self.path).expect("the journal exists");
    }

    /// Removes the journal, which marks the collection as cleanly closed.
    pub(super) fn remove(self) -> Result<(), StoreError> {
        fs::remove_file(&self.path).map_err(|error| file_error("remove the file", &self.path, &error))
    }
}

/// Parses entries, and skips truncated lines, which describe changes that were never confirmed.
///
/// # Errors
/// The beginning of a complete entry of an unknown kind.
fn parse_entries(text: &[u8]) -> Result<Vec<JournalEntry>, String> {
    let lines = text.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let entries = lines.map(|line| {
        let shown = line.to_string().chars().take(MAX_ENTRY_CHARS_IN_ERROR).collect();
        serde_json::from_value(line).map_err(|_| shown)
    });
    entries.collect()
}

#[cfg(test)]
mod tests {
    use qdrant_edge::PointId;

    use super::*;

    fn ids(numbers: &[u64]) -> Vec<PointId> {
        numbers.iter().copied().map(PointId::NumId).collect()
    }

    #[test]
    fn keeps_entries_until_it_is_cleared() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert!(!Journal::exists_in(dir.path()));

        let entries = [
            JournalEntry::Upserted(vec![PointId::NumId(u64::MAX), PointId::Uuid(uuid::Uuid::NAMESPACE_URL)]),
            JournalEntry::Deleted(ids(&[0])),
        ];
        let mut journal = Journal::open(dir.path()).expect("a journal");
        journal.append(&entries[..1]).expect("appends");
        drop(journal);
        assert!(Journal::exists_in(dir.path()));
        let mut journal = Journal::open(dir.path()).expect("a journal");
        journal.append(&entries[1..]).expect("appends");
        assert_eq!(journal.read_entries(), Ok(entries.to_vec()));

        journal.clear().expect("clears");
        assert_eq!(journal.read_entries(), Ok(vec![]));
        journal.append(&entries[..1]).expect("appends after clearing");
        assert_eq!(journal.read_entries(), Ok(entries[..1].to_vec()));

        journal.remove().expect("ends");
        assert!(!Journal::exists_in(dir.path()));
    }

    /// Compares with a journal written by a build of 2026-11-30. If names changed, a start after a crash and an upgrade
    /// could not repair the collection.
    #[test]
    fn the_format_of_the_journal_is_stable() {
        let point = crate::store::edge::simulation::simulated_point(3, 7);
        let entries = [
            JournalEntry::Upserted(vec![PointId::NumId(u64::MAX), PointId::Uuid(uuid::Uuid::NAMESPACE_URL)]),
            JournalEntry::Deleted(ids(&[0])),
            JournalEntry::Rewriting(vec![point]),
        ];
        let golden = [
            r#"{"Upserted":[18446744073709551615,"6ba7b811-9dad-11d1-80b4-00c04fd430c8"]}"#,
            r#"{"Deleted":[0]}"#,
            r#"{"Rewriting":[{"id":3,"vector":{},"payload":{"value":7}}]}"#,
        ];
        for (entry, golden) in entries.into_iter().zip(golden) {
            assert_eq!(serde_json::to_string(&entry).unwrap(), golden);
            assert_eq!(parse_entries(golden.as_bytes()), Ok(vec![entry]));
        }
    }

    #[test]
    fn an_entry_of_a_later_version_is_an_error() {
        let error = parse_entries(b"{\"Deleted\":[1]}\n{\"Renamed\":[2]}\n{\"Upser").unwrap_err();
        assert_eq!(error, r#"{"Renamed":[2]}"#);
    }

    #[test]
    fn a_truncated_line_is_skipped() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join(JOURNAL_FILE), b"{\"Deleted\":[1]}\n{\"Upser").expect("a journal");
        let mut journal = Journal::open(dir.path()).expect("a journal");
        journal.append(&[JournalEntry::Deleted(ids(&[3]))]).expect("appends");
        assert_eq!(
            journal.read_entries(),
            Ok(vec![JournalEntry::Deleted(ids(&[1])), JournalEntry::Deleted(ids(&[3]))])
        );
    }
}
