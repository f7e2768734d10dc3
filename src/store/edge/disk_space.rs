//! Room on the disk. The engine writes through memory maps, where a full disk is no error but a signal that ends the
//! process: so it is looked for before anything is written.

use std::path::Path;
use std::{fs, io};

use super::error::file_error;
use crate::store::StoreError;

/// Writing stops where less disk space than this is left, in bytes. A batch of writes needs far less.
const MIN_FREE_BYTES: u64 = 256 << 20;

/// Refuses to write where the disk is nearly full.
pub(super) fn check_free_space(dir: &Path) -> Result<(), StoreError> {
    check_free_bytes(dir, get_free_bytes(dir)?, 0)
}

/// Refuses to merge the segments in a folder where the disk has no room for a second copy of them.
pub(super) fn check_space_for_copy(segments: &Path) -> Result<(), StoreError> {
    let segment_bytes =
        measure_directory(segments).map_err(|error| file_error("find the size of", segments, &error))?;
    check_free_bytes(segments, get_free_bytes(segments)?, segment_bytes)
}

fn get_free_bytes(dir: &Path) -> Result<u64, StoreError> {
    fs4::available_space(dir).map_err(|error| file_error("find the free space of", dir, &error))
}

/// The length of all files, holes included.
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
        "the disk of {} has {} MiB left; nothing is written below {} MiB: free some space",
        dir.display(),
        free_bytes >> 20,
        min_bytes >> 20
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nearly_full_disk_is_refused_with_the_folder_and_the_remedy() {
        let dir = Path::new("/data/store");
        assert_eq!(check_free_bytes(dir, MIN_FREE_BYTES, 0), Ok(()));
        let error = check_free_bytes(dir, MIN_FREE_BYTES - 1, 0).expect_err("one byte short").to_string();
        assert!(error.contains("/data/store") && error.contains("255 MiB left"), "{error}");
        assert!(error.ends_with("free some space"), "{error}");
    }

    #[test]
    fn a_copy_needs_room_beside_the_original() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(dir.path().join("segment")).expect("a folder");
        for name in ["one", "segment/two"] {
            fs::write(dir.path().join(name), [0; 1_000]).expect("a file");
        }
        let bytes = measure_directory(dir.path()).expect("its size");
        assert_eq!(bytes, 2_000);
        assert_eq!(check_free_bytes(dir.path(), MIN_FREE_BYTES + bytes, bytes), Ok(()));
        check_free_bytes(dir.path(), MIN_FREE_BYTES + bytes - 1, bytes).expect_err("one byte short");
    }
}
