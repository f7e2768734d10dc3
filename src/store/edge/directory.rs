//! The directory of the store:
//!
//! ```text
//! .lock                      held by the process that has the store open
//! aliases.json               aliases and their collections (see aliases.rs)
//! collections/<name>/        one collection: the engine's shard, and
//!     splade.json            how it was made (see spec_file.rs)
//!     open.jsonl             there while it is open (see journal.rs)
//!     files.json             its files and their lengths (see inventory.rs)
//! collections/.new-<name>/   a collection in the making
//! ```
//!
//! A collection is made beside its place and renamed into it, so it is there whole or not at all. No collection's name
//! begins with a dot. What was left in the making, the next start sweeps away.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use super::disk_space::check_free_space;
use super::error::file_error;
use super::spec_file::write_spec;
use super::sync::sync_directory;
use crate::store::StoreError;
use crate::types::CollectionSpec;

const COLLECTIONS_DIR: &str = "collections";
const LOCK_FILE: &str = ".lock";
const UNFINISHED_PREFIX: &str = ".new-";

/// The store's directory, locked against other processes for as long as this is held.
#[derive(Debug)]
pub(super) struct StoreDirectory {
    path: PathBuf,
    lock_file: File,
}

impl Drop for StoreDirectory {
    /// Unlocks, and doesn't leave that to the closing of the file: a child process that is being started has a copy of the
    /// file, and would keep the lock until it runs its program.
    fn drop(&mut self) {
        if let Err(error) = self.lock_file.unlock() {
            tracing::warn!(path = %self.path.display(), %error, "failed to unlock the store");
        }
    }
}

impl StoreDirectory {
    /// Creates the directory if it does not exist, locks it, and sweeps away what an interrupted creation left.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let collections = path.join(COLLECTIONS_DIR);
        fs::create_dir_all(&collections).map_err(|error| file_error("make the folder", &collections, &error))?;
        let directory = Self { path: path.to_owned(), lock_file: lock_directory(path)? };
        for leftover in directory.list_names(|name| name.starts_with(UNFINISHED_PREFIX))? {
            let leftover = directory.collection_path(&leftover);
            fs::remove_dir_all(&leftover).map_err(|error| file_error("remove the leftover", &leftover, &error))?;
        }
        Ok(directory)
    }

    /// Where the store is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the collections.
    pub(super) fn list_collections(&self) -> Result<Vec<String>, StoreError> {
        self.list_names(|name| !name.starts_with('.'))
    }

    /// Where a collection of that name is, or is to be.
    pub(super) fn collection_path(&self, name: &str) -> PathBuf {
        self.path.join(COLLECTIONS_DIR).join(name)
    }

    /// Makes a collection: `fill` puts the engine's files into an empty folder.
    pub(super) fn create_collection(
        &self,
        name: &str,
        spec: &CollectionSpec,
        create_files: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        check_free_space(&self.path)?;
        let temp_path = self.collection_path(&format!("{UNFINISHED_PREFIX}{name}"));
        if temp_path.exists() {
            fs::remove_dir_all(&temp_path).map_err(|error| file_error("remove the leftover", &temp_path, &error))?;
        }
        fs::create_dir(&temp_path).map_err(|error| file_error("make the folder", &temp_path, &error))?;
        create_files(&temp_path)?;
        write_spec(&temp_path, spec)?;
        let target = self.collection_path(name);
        fs::rename(&temp_path, &target).map_err(|error| file_error("move the new collection to", &target, &error))?;
        sync_directory(&self.path.join(COLLECTIONS_DIR)).inspect_err(|_| {
            // Refused is refused: the next start must not find it, nor the next attempt.
            let _undone = fs::rename(&target, &temp_path);
        })
    }

    fn list_names(&self, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, StoreError> {
        let path = self.path.join(COLLECTIONS_DIR);
        let read = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(&path)? {
                let entry = entry?;
                match entry.file_name().into_string() {
                    Ok(name) if entry.file_type()?.is_dir() && is_wanted(&name) => names.push(name),
                    _ => {}
                }
            }
            Ok(names)
        };
        read().map_err(|error| file_error("list the folder", &path, &error))
    }
}

fn lock_directory(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK_FILE);
    let file = File::create(&path).map_err(|error| file_error("make the file", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Failed(format!(
            "the folder {} is in use by another process; stop that one, or use another folder (--store-dir)",
            dir.display()
        ))),
        Err(TryLockError::Error(error)) => Err(file_error("lock the file", &path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::edge::spec_file::read_spec;

    #[test]
    fn a_creation_that_fails_leaves_nothing_that_a_start_would_see() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let directory = StoreDirectory::open(dir.path()).expect("an empty folder opens");
        let spec = CollectionSpec {
            vector_name: "splade".into(),
            on_disk_index: false,
            datatype: Default::default(),
            dense: Default::default(),
            model: String::new(),
            fingerprint: None,
            dtype: String::new(),
            incarnation: String::new(),
            sharding: crate::types::Sharding::single(),
        };
        let stopped = StoreError::Failed("stopped".into());
        let result = directory.create_collection("docs", &spec, |_| Err(stopped.clone()));
        assert_eq!((result, directory.list_collections()), (Err(stopped), Ok(vec![])));

        drop(directory);
        let directory = StoreDirectory::open(dir.path()).expect("a leftover is swept away");
        let remaining = fs::read_dir(dir.path().join(COLLECTIONS_DIR)).expect("the folder is there").count();
        assert_eq!(remaining, 0);
        assert_eq!(directory.create_collection("docs", &spec, |_| Ok(())), Ok(()));
        assert_eq!(directory.list_collections(), Ok(vec!["docs".to_owned()]));
        assert_eq!(read_spec(&directory.collection_path("docs")), Ok(spec));
    }
}
