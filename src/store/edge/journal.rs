//! What a start must know of the run before, if that died.
//!
//! The file is there from when a collection is opened until it has been closed in order. So a start that finds it knows
//! that the collection needs repair (see repair.rs). While segments are merged, it also lists which points were
//! upserted and deleted; while they are repaired, the points that are taken out and put back. One JSON value a line.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::failed;
use super::journal_entry::Entry;
use super::sync::sync_directory;
use crate::store::StoreError;

/// The name of its file in the collection's folder.
pub(super) const JOURNAL: &str = "open.jsonl";

/// Maximum number of characters of an entry in an error.
const MAX_SHOWN: usize = 100;

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Appends.
    file: File,
}

impl Journal {
    /// Opens the journal of a collection, which has entries if the run before died.
    pub(super) fn open(collection: &Path) -> Result<Self, StoreError> {
        let path = collection.join(JOURNAL);
        let open = || -> io::Result<File> {
            let file = File::options().append(true).create(true).open(&path)?;
            file.sync_all()?;
            Ok(file)
        };
        let file = open().map_err(|error| failed("write the file", &path, &error))?;
        // Else the machine could die and leave a collection that was open without its journal.
        sync_directory(collection)?;
        Ok(Self { path, file })
    }

    /// Whether the run before died: the journal is there.
    pub(super) fn is_left_in(collection: &Path) -> bool {
        collection.join(JOURNAL).exists()
    }

    /// What it holds.
    pub(super) fn entries(&self) -> Result<Vec<Entry>, StoreError> {
        let text = fs::read(&self.path).map_err(|error| failed("read the file", &self.path, &error))?;
        parse(&text).map_err(|entry| {
            let path = self.path.display();
            StoreError::Failed(format!(
                "{path} has an entry that this version of splade-sidecar does not know ({entry}); start the version that \
                 wrote it, or a later one, and stop it in order first"
            ))
        })
    }

    /// Adds entries, durably. What a failed call has written is removed again, as far as the disk lets it: it speaks of
    /// changes that are not confirmed.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let write = || -> io::Result<()> {
            // A line that was cut off before is ended first.
            let mut lines = vec![b'\n'];
            for entry in entries {
                serde_json::to_writer(&mut lines, entry)?;
                lines.push(b'\n');
            }
            self.write(&lines)
        };
        write().map_err(|error| failed("write the file", &self.path, &error))
    }

    fn write(&self, lines: &[u8]) -> io::Result<()> {
        let length = self.file.metadata()?.len();
        let written = (&self.file).write_all(lines).and_then(|()| self.file.sync_data());
        written.inspect_err(|_| {
            // The first error is the one to report, and whoever gets it appends nothing any more.
            let _undone = self.file.set_len(length).and_then(|()| self.file.sync_all());
        })
    }

    /// Forgets the entries, durably.
    pub(super) fn clear(&self) -> Result<(), StoreError> {
        let cleared = self.file.set_len(0).and_then(|()| self.file.sync_all());
        cleared.map_err(|error| failed("write the file", &self.path, &error))
    }

    /// Makes every further write fail.
    #[cfg(test)]
    pub(super) fn break_file(&mut self) {
        self.file = File::open(&self.path).expect("the journal is there");
    }

    /// Says that the collection is in order.
    pub(super) fn end(self) -> Result<(), StoreError> {
        fs::remove_file(&self.path).map_err(|error| failed("remove the file", &self.path, &error))
    }
}

/// A line that was cut off speaks of what was never confirmed. One that is whole must be understood: an error is the
/// beginning of one that is not.
fn parse(text: &[u8]) -> Result<Vec<Entry>, String> {
    let lines = text.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice::<Value>(line).ok());
    let entries = lines.map(|line| {
        let shown = line.to_string().chars().take(MAX_SHOWN).collect();
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
    fn keeps_what_was_appended_until_it_is_cleared() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        assert!(!Journal::is_left_in(dir.path()));

        let entries = [
            Entry::Upserted(vec![PointId::NumId(u64::MAX), PointId::Uuid(uuid::Uuid::NAMESPACE_URL)]),
            Entry::Deleted(ids(&[0])),
        ];
        let mut journal = Journal::open(dir.path()).expect("a journal");
        journal.append(&entries[..1]).expect("appends");
        drop(journal);
        assert!(Journal::is_left_in(dir.path()));
        let mut journal = Journal::open(dir.path()).expect("a journal");
        journal.append(&entries[1..]).expect("appends");
        assert_eq!(journal.entries(), Ok(entries.to_vec()));

        journal.clear().expect("clears");
        assert_eq!(journal.entries(), Ok(vec![]));
        journal.append(&entries[..1]).expect("appends after clearing");
        assert_eq!(journal.entries(), Ok(entries[..1].to_vec()));

        journal.end().expect("ends");
        assert!(!Journal::is_left_in(dir.path()));
    }

    /// A journal that a build of 2026-11-30 wrote. Were names to change, a start after a crash and an upgrade would
    /// not know what the crash left half done.
    #[test]
    fn the_bytes_of_a_journal_stay() {
        let point = crate::store::edge::simulation::point(3, 7);
        let entries = [
            Entry::Upserted(vec![PointId::NumId(u64::MAX), PointId::Uuid(uuid::Uuid::NAMESPACE_URL)]),
            Entry::Deleted(ids(&[0])),
            Entry::Rewriting(vec![point]),
        ];
        let golden = [
            r#"{"Upserted":[18446744073709551615,"6ba7b811-9dad-11d1-80b4-00c04fd430c8"]}"#,
            r#"{"Deleted":[0]}"#,
            r#"{"Rewriting":[{"id":3,"vector":{},"payload":{"value":7}}]}"#,
        ];
        for (entry, golden) in entries.into_iter().zip(golden) {
            assert_eq!(serde_json::to_string(&entry).unwrap(), golden);
            assert_eq!(parse(golden.as_bytes()), Ok(vec![entry]));
        }
    }

    #[test]
    fn an_entry_of_a_later_version_is_no_cut_off_line() {
        let error = parse(b"{\"Deleted\":[1]}\n{\"Renamed\":[2]}\n{\"Upser").unwrap_err();
        assert_eq!(error, r#"{"Renamed":[2]}"#);
    }

    #[test]
    fn a_line_that_was_cut_off_is_passed_over() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::write(dir.path().join(JOURNAL), b"{\"Deleted\":[1]}\n{\"Upser").expect("a journal");
        let mut journal = Journal::open(dir.path()).expect("a journal");
        journal.append(&[Entry::Deleted(ids(&[3]))]).expect("appends");
        assert_eq!(journal.entries(), Ok(vec![Entry::Deleted(ids(&[1])), Entry::Deleted(ids(&[3]))]));
    }
}
