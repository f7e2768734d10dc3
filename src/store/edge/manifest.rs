//! Manifest of a collection: its files and their lengths.
//!
//! The engine does not detect truncated files: it would silently miss points or read zeros for them. So the writer records
//! the lengths with every flush, and the next start compares them. After a clean shutdown, all files must have their
//! recorded length. After a crash, files may have grown and segments may be gone, but append-only files must not be shorter.
//!
//! See docs/adr/0033-embedded-crash-recovery.md.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::error::file_error;
use super::journal::JOURNAL_FILE;
use super::open_error::open_error;
use super::sync::sync_directory;
use crate::store::StoreError;

const MANIFEST_FILE: &str = "files.json";
const NEW_MANIFEST_FILE: &str = "files.json.new";
/// Name prefixes of a segment's files that never shrink: ids and versions of points, payloads, vectors.
const APPEND_ONLY_FILES: [&str; 5] = ["mutable_id_tracker.", "tracker.dat", "page_", "bitmask.dat", "chunk_"];

/// File lengths in bytes, by path relative to the collection's directory.
type FileLengths = BTreeMap<PathBuf, u64>;

/// State in which the previous process left a collection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shutdown {
    Clean,
    Crashed,
}

/// Records the lengths of all files. The manifest is replaced by a rename, so that a crash can't leave a partial one.
pub(super) fn write(collection: &Path) -> Result<(), StoreError> {
    let path = collection.join(MANIFEST_FILE);
    let write_file = || -> io::Result<()> {
        let mut lengths = FileLengths::new();
        add_lengths(collection, Path::new(""), &mut lengths)?;
        // These files change after the manifest is written.
        for name in [MANIFEST_FILE, NEW_MANIFEST_FILE, JOURNAL_FILE] {
            lengths.remove(Path::new(name));
        }
        let new_path = collection.join(NEW_MANIFEST_FILE);
        File::create(&new_path)?.write_all(&serde_json::to_vec(&lengths)?)?;
        fs::rename(&new_path, &path)
    };
    write_file().map_err(|error| file_error("write the file", &path, &error))
}

/// Makes the manifest durable.
pub(super) fn sync(collection: &Path) -> Result<(), StoreError> {
    let path = collection.join(MANIFEST_FILE);
    let result = File::open(&path).and_then(|file| file.sync_all());
    result.map_err(|error| file_error("sync the file", &path, &error))?;
    // The manifest was renamed into place, so its directory entry must be synced too.
    sync_directory(collection)
}

/// Compares a collection's files with its manifest, if there is one.
///
/// # Errors
/// [`StoreError::Failed`] with the first file that is missing or has an unexpected length.
pub(super) fn check(collection: &Path, shutdown: Shutdown) -> Result<(), StoreError> {
    let path = collection.join(MANIFEST_FILE);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        text => text.map_err(|error| file_error("read the file", &path, &error))?,
    };
    let lengths: FileLengths = match serde_json::from_slice(&text) {
        Ok(lengths) => lengths,
        // A power failure may have happened before the manifest was on the disk.
        Err(_) if shutdown == Shutdown::Crashed => return Ok(()),
        Err(error) => return Err(open_error(collection, format!("{}: {error}", path.display()))),
    };
    match lengths.into_iter().find_map(|(file, length)| find_mismatch(collection, &file, length, shutdown)) {
        None => Ok(()),
        Some(mismatch) => Err(open_error(collection, mismatch)),
    }
}

/// Describes how a file differs from its recorded length; `None` if the difference is expected.
fn find_mismatch(collection: &Path, file: &Path, recorded_length: u64, shutdown: Shutdown) -> Option<String> {
    let found = match fs::metadata(collection.join(file)) {
        // A merge removes whole segments.
        Err(_) if shutdown == Shutdown::Crashed && !segment_dir(collection, file).is_dir() => return None,
        found => found.map(|metadata| metadata.len()),
    };
    let expected_range = match shutdown {
        Shutdown::Clean => recorded_length..=recorded_length,
        Shutdown::Crashed if is_append_only(file) => recorded_length..=u64::MAX,
        Shutdown::Crashed => return None,
    };
    match found {
        Ok(found) if expected_range.contains(&found) => None,
        Ok(found) => Some(format!("{} has {found} bytes, expected {recorded_length}", file.display())),
        Err(error) => Some(format!("{}: {error}", file.display())),
    }
}

fn is_append_only(file: &Path) -> bool {
    let name = file.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    file.starts_with("segments") && APPEND_ONLY_FILES.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns the directory of a file's segment: `segments/…`.
fn segment_dir(collection: &Path, file: &Path) -> PathBuf {
    file.components().take(2).fold(collection.to_owned(), |path, part| path.join(part))
}

fn add_lengths(root: &Path, dir: &Path, lengths: &mut FileLengths) -> io::Result<()> {
    for entry in fs::read_dir(root.join(dir))? {
        let entry = entry?;
        let path = dir.join(entry.file_name());
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => add_lengths(root, &path, lengths)?,
            Ok(metadata) => drop(lengths.insert(path, metadata.len())),
            // A concurrent merge may have removed the file.
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
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(dir.path().join("segments/one")).expect("a directory");
        for file in [POINTS, OTHER, JOURNAL_FILE] {
            fs::write(dir.path().join(file), "0123456789").expect("a file");
        }
        dir
    }

    #[test]
    fn a_cleanly_closed_collection_must_be_unchanged() {
        let dir = collection();
        let check = || super::check(dir.path(), Shutdown::Clean);
        assert_eq!(check(), Ok(()), "there is no manifest yet");
        write(dir.path()).and_then(|()| sync(dir.path())).expect("a manifest");
        fs::remove_file(dir.path().join(JOURNAL_FILE)).expect("it can be removed");
        assert_eq!(check(), Ok(()));
        for (file, text) in [(OTHER, "01234"), (OTHER, "0123456789x"), (POINTS, "")] {
            fs::write(dir.path().join(file), text).expect("a file");
            let error = check().expect_err("its length differs").to_string();
            assert!(error.contains(&format!("{file} has {} bytes, expected 10", text.len())), "{error}");
            assert!(error.contains("move it out of the store"), "{error}");
            fs::write(dir.path().join(file), "0123456789").expect("a file");
        }
        fs::remove_file(dir.path().join(OTHER)).expect("it can be removed");
        assert!(check().expect_err("it is gone").to_string().contains(OTHER));
        fs::write(dir.path().join(MANIFEST_FILE), "{\"segm").expect("a file");
        assert!(check().expect_err("a truncated file").to_string().contains(MANIFEST_FILE));
    }

    #[test]
    fn append_only_files_must_not_shrink_after_a_crash() {
        let dir = collection();
        write(dir.path()).expect("a manifest");
        let check = || super::check(dir.path(), Shutdown::Crashed);
        fs::write(dir.path().join(POINTS), "0123456789 and more").expect("a file");
        fs::write(dir.path().join(OTHER), "01234").expect("a file");
        assert_eq!(check(), Ok(()));
        fs::write(dir.path().join(POINTS), "012").expect("a file");
        let error = check().expect_err("it was cut short").to_string();
        assert!(error.contains(POINTS) && error.contains("has 3 bytes, expected 10"), "{error}");
        fs::remove_file(dir.path().join(POINTS)).expect("it can be removed");
        check().expect_err("it is gone, and its segment is not");
        fs::remove_dir_all(dir.path().join("segments/one")).expect("it can be removed");
        assert_eq!(check(), Ok(()), "a merge dropped the segment");
    }
}
