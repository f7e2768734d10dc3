//! Layout of the store's directory:
//!
//! ```text
//! .lock                      locked by the process that has the store open
//! aliases.json               aliases and their collections (see aliases.rs)
//! collections/<name>/        one collection: the engine's shard, and
//!     splade.json            spec of the collection (see spec_file.rs)
//!     open.jsonl             journal, present while the collection is open (see journal.rs)
//!     files.json             manifest: files and their lengths (see manifest.rs)
//! collections/.new-<name>/   collection that is being created
//! ```
//!
//! A collection is created in a temporary directory and renamed into place, so that it exists completely or not at all.
//! The temporary name can't clash, because names of collections don't begin with a dot. The next start removes
//! directories that an interrupted creation left behind.

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

/// The store's directory, locked against other processes until this value is dropped.
#[derive(Debug)]
pub(super) struct StoreDirectory {
    path: PathBuf,
    lock_file: File,
}

impl Drop for StoreDirectory {
    /// Unlocks explicitly. Closing the file is not enough: a child process between `fork` and `exec` has a duplicate of the
    /// descriptor and would keep the lock until `exec`.
    fn drop(&mut self) {
        if let Err(error) = self.lock_file.unlock() {
            tracing::warn!(path = %self.path.display(), %error, "failed to unlock the store");
        }
    }
}

impl StoreDirectory {
    /// Creates the directory if it does not exist, locks it, and removes leftovers of interrupted creations.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let collections = path.join(COLLECTIONS_DIR);
        fs::create_dir_all(&collections).map_err(|error| file_error("create the directory", &collections, &error))?;
        let directory = Self { path: path.to_owned(), lock_file: lock_directory(path)? };
        for leftover in directory.list_names(|name| name.starts_with(UNFINISHED_PREFIX))? {
            let leftover = directory.collection_path(&leftover);
            fs::remove_dir_all(&leftover).map_err(|error| file_error("remove the leftover", &leftover, &error))?;
        }
        Ok(directory)
    }

    /// Returns the path of the store's directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the names of the collections.
    pub(super) fn list_collections(&self) -> Result<Vec<String>, StoreError> {
        self.list_names(|name| !name.starts_with('.'))
    }

    /// Returns the directory of a collection, which need not exist.
    pub(super) fn collection_path(&self, name: &str) -> PathBuf {
        self.path.join(COLLECTIONS_DIR).join(name)
    }

    /// Creates a collection. `create_files` creates the engine's files in an empty directory.
    pub(super) fn create_collection(
        &self,
        name: &str,
        spec: &CollectionSpec,
        create_files: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        check_free_space(&self.path)?;
        let temp_path = self.collection_path(&format!("{UNFINISHED_PREFIX}{name}"));
        // Left behind by a failed attempt of this process.
        if temp_path.exists() {
            fs::remove_dir_all(&temp_path).map_err(|error| file_error("remove the leftover", &temp_path, &error))?;
        }
        fs::create_dir(&temp_path).map_err(|error| file_error("create the directory", &temp_path, &error))?;
        create_files(&temp_path)?;
        write_spec(&temp_path, spec)?;
        let target = self.collection_path(name);
        fs::rename(&temp_path, &target).map_err(|error| file_error("move the new collection to", &target, &error))?;
        sync_directory(&self.path.join(COLLECTIONS_DIR)).inspect_err(|_| {
            // The creation is reported as failed, so neither the next start nor the next attempt may find it.
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
        read().map_err(|error| file_error("list the directory", &path, &error))
    }
}

fn lock_directory(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join(LOCK_FILE);
    let file = File::create(&path).map_err(|error| file_error("create the file", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Failed(format!(
            "the directory {} is in use by another process; stop that process, or use another directory (--store-dir)",
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
        let dir = tempfile::tempdir().expect("a temporary directory");
        let directory = StoreDirectory::open(dir.path()).expect("an empty directory opens");
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
        let directory = StoreDirectory::open(dir.path()).expect("a leftover is removed");
        let remaining = fs::read_dir(dir.path().join(COLLECTIONS_DIR)).expect("the directory exists").count();
        assert_eq!(remaining, 0);
        assert_eq!(directory.create_collection("docs", &spec, |_| Ok(())), Ok(()));
        assert_eq!(directory.list_collections(), Ok(vec!["docs".to_owned()]));
        assert_eq!(read_spec(&directory.collection_path("docs")), Ok(spec));
    }
}
