//! Which files a collection has, and how long each is.
//!
//! The engine takes a file that was cut short as it is: it would miss points, or read zeros for them, without a word. So
//! the writer notes the lengths with every flush, and a start compares them first. A collection that was closed in order
//! must be as it was. Where the process died, files may have grown since and segments may be gone; but those files that
//! only grow must not be shorter.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::error::failed;
use super::journal::JOURNAL;
use super::sync::sync_directory;
use super::unreadable::unreadable;
use crate::store::StoreError;

const INVENTORY: &str = "files.json";
const NEW_INVENTORY: &str = "files.json.new";
/// Files of a segment that never shrink: ids and versions of points, payloads, vectors.
const GROWING: [&str; 5] = ["mutable_id_tracker.", "tracker.dat", "page_", "bitmask.dat", "chunk_"];

/// Lengths in bytes by the path within the collection.
type Lengths = BTreeMap<PathBuf, u64>;

/// How a collection was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    InOrder,
    ByDeath,
}

/// Notes the lengths. A kill can't leave half of a note.
pub(super) fn write(collection: &Path) -> Result<(), StoreError> {
    let path = collection.join(INVENTORY);
    let write = || -> io::Result<()> {
        let mut lengths = Lengths::new();
        add_lengths(collection, Path::new(""), &mut lengths)?;
        for name in [INVENTORY, NEW_INVENTORY, JOURNAL] {
            lengths.remove(Path::new(name));
        }
        let new = collection.join(NEW_INVENTORY);
        File::create(&new)?.write_all(&serde_json::to_vec(&lengths)?)?;
        fs::rename(&new, &path)
    };
    write().map_err(|error| failed("write the file", &path, &error))
}

/// Makes the last note durable.
pub(super) fn sync(collection: &Path) -> Result<(), StoreError> {
    let path = collection.join(INVENTORY);
    let synced = File::open(&path).and_then(|file| file.sync_all());
    synced.map_err(|error| failed("sync the file", &path, &error))?;
    // The note was renamed into its place.
    sync_directory(collection)
}

/// Compares a collection with the last note, if there is one.
pub(super) fn check(collection: &Path, left: Left) -> Result<(), StoreError> {
    let path = collection.join(INVENTORY);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        text => text.map_err(|error| failed("read the file", &path, &error))?,
    };
    let lengths: Lengths = match serde_json::from_slice(&text) {
        Ok(lengths) => lengths,
        // The machine may have died before the note was on the disk.
        Err(_) if left == Left::ByDeath => return Ok(()),
        Err(error) => return Err(unreadable(collection, format!("{}: {error}", path.display()))),
    };
    match lengths.into_iter().find_map(|(file, length)| problem(collection, &file, length, left)) {
        None => Ok(()),
        Some(problem) => Err(unreadable(collection, problem)),
    }
}

/// What is wrong with a file.
fn problem(collection: &Path, file: &Path, length: u64, left: Left) -> Option<String> {
    let found = match fs::metadata(collection.join(file)) {
        // A merge drops segments as a whole.
        Err(_) if left == Left::ByDeath && !segment(collection, file).is_dir() => return None,
        found => found.map(|metadata| metadata.len()),
    };
    let may_be = match left {
        Left::InOrder => length..=length,
        Left::ByDeath if grows(file) => length..=u64::MAX,
        Left::ByDeath => return None,
    };
    match found {
        Ok(found) if may_be.contains(&found) => None,
        Ok(found) => Some(format!("{} has {found} bytes, and had {length}", file.display())),
        Err(error) => Some(format!("{}: {error}", file.display())),
    }
}

fn grows(file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    file.starts_with("segments") && GROWING.iter().any(|beginning| name.starts_with(beginning))
}

/// The folder of a file's segment: `segments/…`.
fn segment(collection: &Path, file: &Path) -> PathBuf {
    file.components().take(2).fold(collection.to_owned(), |path, part| path.join(part))
}

fn add_lengths(root: &Path, folder: &Path, lengths: &mut Lengths) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => add_lengths(root, &path, lengths)?,
            Ok(metadata) => drop(lengths.insert(path, metadata.len())),
            // A merge goes on meanwhile.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: &str = "segments/one/mutable_id_tracker.mappings";
    const OTHER: &str = "segments/one/segment.json";

    fn collection() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir_all(folder.path().join("segments/one")).expect("a folder");
        for file in [POINTS, OTHER, JOURNAL] {
            fs::write(folder.path().join(file), "0123456789").expect("a file");
        }
        folder
    }

    #[test]
    fn a_collection_that_was_closed_is_as_it_was() {
        let folder = collection();
        let check = || super::check(folder.path(), Left::InOrder);
        assert_eq!(check(), Ok(()), "nothing was noted yet");
        write(folder.path()).and_then(|()| sync(folder.path())).expect("a note");
        fs::remove_file(folder.path().join(JOURNAL)).expect("it can be removed");
        assert_eq!(check(), Ok(()));
        for (file, text) in [(OTHER, "01234"), (OTHER, "0123456789x"), (POINTS, "")] {
            fs::write(folder.path().join(file), text).expect("a file");
            let error = check().expect_err("its length differs").to_string();
            assert!(error.contains(&format!("{file} has {} bytes, and had 10", text.len())), "{error}");
            assert!(error.contains("move it out of the store"), "{error}");
            fs::write(folder.path().join(file), "0123456789").expect("a file");
        }
        fs::remove_file(folder.path().join(OTHER)).expect("it can be removed");
        assert!(check().expect_err("it is gone").to_string().contains(OTHER));
        fs::write(folder.path().join(INVENTORY), "{\"segm").expect("a file");
        assert!(check().expect_err("half of it").to_string().contains(INVENTORY));
    }

    #[test]
    fn what_a_process_left_that_died_has_not_shrunk() {
        let folder = collection();
        write(folder.path()).expect("a note");
        let check = || super::check(folder.path(), Left::ByDeath);
        fs::write(folder.path().join(POINTS), "0123456789 and more").expect("a file");
        fs::write(folder.path().join(OTHER), "01234").expect("a file");
        assert_eq!(check(), Ok(()));
        fs::write(folder.path().join(POINTS), "012").expect("a file");
        let error = check().expect_err("it was cut short").to_string();
        assert!(error.contains(POINTS) && error.contains("has 3 bytes, and had 10"), "{error}");
        fs::remove_file(folder.path().join(POINTS)).expect("it can be removed");
        check().expect_err("it is gone, and its segment is not");
        fs::remove_dir_all(folder.path().join("segments/one")).expect("it can be removed");
        assert_eq!(check(), Ok(()), "a merge dropped the segment");
    }
}
