//! Checks of free disk space. The engine writes through memory maps, where a full disk raises SIGBUS and kills the process
//! instead of returning an error; so space is checked before each write.

use std::path::Path;
use std::{fs, io};

use super::error::file_error;
use crate::store::StoreError;

/// Minimum free disk space for writes, in bytes. A batch of writes needs far less.
const MIN_FREE_BYTES: u64 = 256 << 20;

/// Checks that the disk has space for writes.
///
/// # Errors
/// [`StoreError::Failed`] if less than 256 MiB is free, or the free space can't be read.
pub(super) fn check_free_space(dir: &Path) -> Result<(), StoreError> {
    check_free_bytes(dir, get_free_bytes(dir)?, 0)
}

/// Checks that the disk has space for a second copy of the segments in a directory, which a merge writes.
pub(super) fn check_space_for_copy(segments: &Path) -> Result<(), StoreError> {
    let segment_bytes =
        measure_directory(segments).map_err(|error| file_error("find the size of", segments, &error))?;
    check_free_bytes(segments, get_free_bytes(segments)?, segment_bytes)
}

fn get_free_bytes(dir: &Path) -> Result<u64, StoreError> {
    fs4::available_space(dir).map_err(|error| file_error("find the free space of", dir, &error))
}

/// Returns the total length of all files in bytes, including holes of sparse files.
fn measure_directory(dir: &Path) -> io::Result<u64> {
    fs::read_dir(dir)?.try_fold(0, |sum, entry| {
        let entry = entry?;
        let metadata = entry.metadata()?;
        Ok(sum + if metadata.is_dir() { measure_directory(&entry.path())? } else { metadata.len() })
    })
}

fn check_free_bytes(dir: &Path, free_bytes: u64, needed_bytes: u64) -> Result<(), StoreError> {
    let min_bytes = MIN_FREE_BYTES.saturating_add(needed_bytes);
    if free_bytes >= min_bytes {
        return Ok(());
    }
    Err(StoreError::Failed(format!(
        "the disk of {} has {} MiB left and writes need at least {} MiB: free some space",
        dir.display(),
        free_bytes >> 20,
        min_bytes >> 20
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nearly_full_disk_is_refused_with_the_directory_and_the_remedy() {
        let dir = Path::new("/data/store");
        assert_eq!(check_free_bytes(dir, MIN_FREE_BYTES, 0), Ok(()));
        let error = check_free_bytes(dir, MIN_FREE_BYTES - 1, 0).expect_err("one byte short").to_string();
        assert!(error.contains("/data/store") && error.contains("255 MiB left"), "{error}");
        assert!(error.ends_with("free some space"), "{error}");
    }

    #[test]
    fn a_copy_needs_space_beside_the_original() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(dir.path().join("segment")).expect("a directory");
        for name in ["one", "segment/two"] {
            fs::write(dir.path().join(name), [0; 1_000]).expect("a file");
        }
        let bytes = measure_directory(dir.path()).expect("its size");
        assert_eq!(bytes, 2_000);
        assert_eq!(check_free_bytes(dir.path(), MIN_FREE_BYTES + bytes, bytes), Ok(()));
        check_free_bytes(dir.path(), MIN_FREE_BYTES + bytes - 1, bytes).expect_err("one byte short");
    }
}
