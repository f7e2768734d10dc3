//! What lies where in the store's folder:
//!
//! ```text
//! .lock                      held by the process that has the store open
//! aliases.json               aliases and their collections (see aliases.rs)
//! collections/<name>/        one collection: the engine's shard, and
//!     splade.json            how it was made
//!     open.jsonl             there while it is open (see journal.rs)
//!     files.json             its files and their lengths (see inventory.rs)
//! collections/.new-<name>/   a collection in the making
//! ```
//!
//! A collection is made beside its place and renamed into it, so it is there whole or not at all. No collection's name
//! begins with a dot. What was left in the making, the next start sweeps away.

use std::fmt::Display;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::space::check_free_space;
use crate::store::StoreError;
use crate::types::CollectionSpec;

const COLLECTIONS: &str = "collections";
const LOCK: &str = ".lock";
const SPEC: &str = "splade.json";
const UNFINISHED: &str = ".new-";

/// The store's folder, locked against other processes for as long as this is held.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
}

impl Drop for Folder {
    /// Unlocks, and doesn't leave that to the closing of the file: a child process that is being started has a copy of the
    /// file, and would keep the lock until it runs its program.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(path = %self.path.display(), %error, "failed to unlock the store");
        }
    }
}

impl Folder {
    /// Makes the folder if it is not there, locks it, and sweeps away what an interrupted creation left.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let collections = path.join(COLLECTIONS);
        fs::create_dir_all(&collections).map_err(|error| failed("make the folder", &collections, &error))?;
        let folder = Self { path: path.to_owned(), lock: lock(path)? };
        for leftover in folder.entries(|name| name.starts_with(UNFINISHED))? {
            let leftover = folder.collection(&leftover);
            fs::remove_dir_all(&leftover).map_err(|error| failed("remove the leftover", &leftover, &error))?;
        }
        Ok(folder)
    }

    /// Where the store is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The names of the collections.
    pub(super) fn collections(&self) -> Result<Vec<String>, StoreError> {
        self.entries(|name| !name.starts_with('.'))
    }

    /// Where a collection of that name is, or is to be.
    pub(super) fn collection(&self, name: &str) -> PathBuf {
        self.path.join(COLLECTIONS).join(name)
    }

    /// Makes a collection: `fill` puts the engine's files into an empty folder.
    pub(super) fn create_collection(
        &self,
        name: &str,
        spec: &CollectionSpec,
        fill: impl FnOnce(&Path) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        check_free_space(&self.path)?;
        let unfinished = self.collection(&format!("{UNFINISHED}{name}"));
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(|error| failed("remove the leftover", &unfinished, &error))?;
        }
        fs::create_dir(&unfinished).map_err(|error| failed("make the folder", &unfinished, &error))?;
        fill(&unfinished)?;
        write_spec(&unfinished, spec)?;
        let place = self.collection(name);
        fs::rename(&unfinished, &place).map_err(|error| failed("move the new collection to", &place, &error))?;
        sync(&self.path.join(COLLECTIONS)).inspect_err(|_| {
            // Refused is refused: the next start must not find it, nor the next attempt.
            let _undone = fs::rename(&place, &unfinished);
        })
    }

    fn entries(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, StoreError> {
        let path = self.path.join(COLLECTIONS);
        let read = || -> io::Result<Vec<String>> {
            let mut names = Vec::new();
            for entry in fs::read_dir(&path)? {
                let entry = entry?;
                match entry.file_name().into_string() {
                    Ok(name) if entry.file_type()?.is_dir() && wanted(&name) => names.push(name),
                    _ => {}
                }
            }
            Ok(names)
        };
        read().map_err(|error| failed("list the folder", &path, &error))
    }
}

fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(LOCK);
    let file = File::create(&path).map_err(|error| failed("make the file", &path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Failed(format!(
            "the folder {} is in use by another process; stop that one, or use another folder (--store-dir)",
            folder.display()
        ))),
        Err(TryLockError::Error(error)) => Err(failed("lock the file", &path, &error)),
    }
}

/// What `splade.json` holds.
#[derive(Debug, Serialize, Deserialize)]
struct SpecFile {
    /// The first files had none.
    #[serde(rename = "version", default = "first_version")]
    version: u32,
    #[serde(flatten)]
    spec: CollectionSpec,
}

/// The version of `splade.json` that is written. Builds before versions read it too: they ignore the field.
const SPEC_VERSION: u32 = 1;

fn first_version() -> u32 {
    1
}

/// Reads how a collection was made.
pub(super) fn read_spec(collection: &Path) -> Result<CollectionSpec, StoreError> {
    let path = collection.join(SPEC);
    let read = || -> io::Result<SpecFile> { Ok(serde_json::from_slice(&fs::read(&path)?)?) };
    let SpecFile { version, spec } =
        read().map_err(|error| unreadable(collection, format!("{}: {error}", path.display())))?;
    if version > SPEC_VERSION {
        let path = path.display();
        return Err(StoreError::Failed(format!(
            "{path} has version {version}, and this version of splade-sidecar knows those up to {SPEC_VERSION}; start the \
             version that created the collection, or a later one"
        )));
    }
    Ok(spec)
}

/// A collection can't be opened.
pub(super) fn unreadable(collection: &Path, reason: impl Display) -> StoreError {
    // What a full disk does to the engine has many names, and may look like damage.
    let full = check_free_space(collection).err();
    let collection = collection.display();
    if let Some(full) = full {
        return StoreError::Failed(format!("the collection in {collection} can't be opened: {full} ({reason})"));
    }
    let remedy = "restore its folder, or move it out of the store";
    StoreError::Failed(format!("the collection in {collection} can't be opened; {remedy} ({reason})"))
}

fn write_spec(collection: &Path, spec: &CollectionSpec) -> Result<(), StoreError> {
    let path = collection.join(SPEC);
    let write = || -> io::Result<()> {
        let file = File::create(&path)?;
        serde_json::to_writer_pretty(&file, &SpecFile { version: SPEC_VERSION, spec: spec.clone() })?;
        file.sync_all()
    };
    write().map_err(|error| failed("write the file", &path, &error))?;
    sync(collection)
}

/// Makes the entries of a folder durable. Elsewhere than on Unix a folder can't be opened, and needs not be.
pub(super) fn sync(folder: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| failed("sync the folder", folder, &error))?;
    }
    Ok(())
}

/// What went wrong with a file, and what to do.
pub(super) fn failed(action: &str, path: &Path, error: &io::Error) -> StoreError {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "give a folder that this process can write to (--store-dir)"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "move away what is in its place",
        _ => "check the disk",
    };
    StoreError::Failed(format!("can't {action} {}: {error}; {remedy}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_files_name_the_path_and_the_remedy() {
        for (kind, remedy) in [
            (ErrorKind::StorageFull, "free some space"),
            (ErrorKind::ReadOnlyFilesystem, "--store-dir"),
            (ErrorKind::PermissionDenied, "--store-dir"),
        ] {
            let error = failed("make the folder", Path::new("/data/x"), &kind.into()).to_string();
            assert!(error.contains("/data/x") && error.contains(remedy), "{error}");
        }
    }

    /// The file as the build of 2026-11-30 wrote it, and as it is written now.
    #[test]
    fn the_bytes_of_a_spec_stay() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join(SPEC);
        let first = r#"{
  "vector_name": "splade",
  "on_disk_index": false,
  "datatype": "Float16",
  "dense": {
    "a": {
      "size": 4,
      "distance": "Cosine"
    },
    "b": {
      "size": 2,
      "distance": "Dot"
    },
    "c": {
      "size": 1,
      "distance": "Euclid"
    }
  },
  "model": "tiny",
  "fingerprint": "b98f564b63188302e4c7ee976ae170e87743ce09182255f0545f98bf2aae5ce9"
}"#;
        fs::write(&path, first).unwrap();
        let spec = read_spec(dir.path()).unwrap();
        write_spec(dir.path(), &spec).unwrap();
        let now = fs::read_to_string(&path).unwrap();
        assert_eq!(now, first.replacen("{\n", "{\n  \"version\": 1,\n", 1));
        assert_eq!(read_spec(dir.path()), Ok(spec));
        for datatype in ["Float32", "Uint8"] {
            fs::write(&path, first.replace("Float16", datatype)).unwrap();
            read_spec(dir.path()).unwrap();
        }
        fs::write(&path, now.replace("\"version\": 1", "\"version\": 2")).unwrap();
        let error = read_spec(dir.path()).unwrap_err().to_string();
        assert!(error.contains("has version 2") && error.contains("a later one"), "{error}");
    }

    #[test]
    fn a_creation_that_fails_leaves_nothing_that_a_start_would_see() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let folder = Folder::open(dir.path()).expect("an empty folder opens");
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
        let made = folder.create_collection("docs", &spec, |_| Err(stopped.clone()));
        assert_eq!((made, folder.collections()), (Err(stopped), Ok(vec![])));

        drop(folder);
        let folder = Folder::open(dir.path()).expect("a leftover is swept away");
        let left = fs::read_dir(dir.path().join(COLLECTIONS)).expect("the folder is there").count();
        assert_eq!(left, 0);
        assert_eq!(folder.create_collection("docs", &spec, |_| Ok(())), Ok(()));
        assert_eq!(folder.collections(), Ok(vec!["docs".to_owned()]));
        assert_eq!(read_spec(&folder.collection("docs")), Ok(spec));
    }
}
