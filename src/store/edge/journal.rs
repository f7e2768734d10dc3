//! What a start must know of the run before, if that died.
//!
//! The file is there from when a collection is opened until it has been closed in order. So a start that finds it knows
//! that the collection needs repair (see repair.rs). While segments are merged, it also lists which points were
//! upserted and deleted, one JSON value a line.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use qdrant_edge::PointId;
use serde::{Deserialize, Serialize};

use super::engine::Change;
use super::files::failed;
use crate::store::StoreError;

const JOURNAL: &str = "open.jsonl";

/// Points that were changed together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Entry {
    Upserted(Vec<PointId>),
    Deleted(Vec<PointId>),
}

impl From<&Change> for Entry {
    fn from(change: &Change) -> Self {
        match change {
            Change::Upsert(points) => Self::Upserted(points.iter().map(|point| point.id).collect()),
            Change::Delete(ids) => Self::Deleted(ids.clone()),
        }
    }
}

#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    /// What the run before left, if it died.
    pub(super) fn leftover(collection: &Path) -> Result<Option<Vec<Entry>>, StoreError> {
        let path = collection.join(JOURNAL);
        match fs::read(&path) {
            Ok(text) => Ok(Some(parse(&text))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read the file", &path, &error)),
        }
    }

    /// Begins an empty journal.
    pub(super) fn begin(collection: &Path) -> Result<Self, StoreError> {
        let path = collection.join(JOURNAL);
        let file = fresh(&path)?;
        Ok(Self { path, file })
    }

    /// Adds entries, durably.
    pub(super) fn append(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut write = || -> io::Result<()> {
            let mut lines = Vec::new();
            for entry in entries {
                serde_json::to_writer(&mut lines, entry)?;
                lines.push(b'\n');
            }
            self.file.write_all(&lines)?;
            self.file.sync_data()
        };
        write().map_err(|error| failed("write the file", &self.path, &error))
    }

    /// Forgets the entries, durably.
    pub(super) fn clear(&mut self) -> Result<(), StoreError> {
        self.file = fresh(&self.path)?;
        Ok(())
    }

    /// Says that the collection is in order.
    pub(super) fn end(self) -> Result<(), StoreError> {
        fs::remove_file(&self.path).map_err(|error| failed("remove the file", &self.path, &error))
    }
}

fn fresh(path: &Path) -> Result<File, StoreError> {
    let create = || -> io::Result<File> {
        let file = File::create(path)?;
        file.sync_all()?;
        Ok(file)
    };
    create().map_err(|error| failed("write the file", path, &error))
}

/// The last line may be cut off; what it speaks of was never confirmed.
fn parse(text: &[u8]) -> Vec<Entry> {
    text.split(|&byte| byte == b'\n').map_while(|line| serde_json::from_slice(line).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_was_appended_until_it_is_cleared() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(Journal::leftover(dir.path()), Ok(None));

        let entries = [
            Entry::Upserted(vec![PointId::NumId(u64::MAX), PointId::Uuid(uuid::Uuid::NAMESPACE_URL)]),
            Entry::Deleted(vec![PointId::NumId(0)]),
        ];
        let mut journal = Journal::begin(dir.path()).expect("a journal");
        journal.append(&entries[..1]).expect("appends");
        journal.append(&entries[1..]).expect("appends");
        assert_eq!(Journal::leftover(dir.path()), Ok(Some(entries.to_vec())));

        journal.clear().expect("clears");
        assert_eq!(Journal::leftover(dir.path()), Ok(Some(vec![])));
        journal.append(&entries[..1]).expect("appends after clearing");
        assert_eq!(Journal::leftover(dir.path()), Ok(Some(entries[..1].to_vec())));

        journal.end().expect("ends");
        assert_eq!(Journal::leftover(dir.path()), Ok(None));
    }

    #[test]
    fn a_line_that_was_cut_off_is_passed_over() {
        let whole = b"{\"Deleted\":[1]}\n{\"Upserted\":[2]}\n";
        assert_eq!(parse(whole).len(), 2);
        assert_eq!(parse(&whole[..whole.len() - 4]), [Entry::Deleted(vec![PointId::NumId(1)])]);
    }
}
