//! Room on the disk. The engine writes through memory maps, where a full disk is no error but a signal that ends the
//! process: so it is looked for before anything is written.

use std::path::Path;
use std::{fs, io};

use super::error::failed;
use crate::store::StoreError;

/// Writing stops where less disk space than this is left, in bytes. A batch of writes needs far less.
const MIN_FREE_SPACE: u64 = 256 << 20;

/// Refuses to write where the disk is nearly full.
pub(super) fn check_free_space(folder: &Path) -> Result<(), StoreError> {
    check(folder, free_space(folder)?, 0)
}

/// Refuses to merge the segments in a folder where the disk has no room for a second copy of them.
pub(super) fn check_room_for_copy(segments: &Path) -> Result<(), StoreError> {
    let size = size(segments).map_err(|error| failed("find the size of", segments, &error))?;
    check(segments, free_space(segments)?, size)
}

fn free_space(folder: &Path) -> Result<u64, StoreError> {
    fs4::available_space(folder).map_err(|error| failed("find the free space of", folder, &error))
}

/// The length of all files, holes included.
fn size(folder: &Path) -> io::Result<u64> {
    fs::read_dir(folder)?.try_fold(0, |sum, entry| {
        let entry = entry?;
        let metadata = entry.metadata()?;
        Ok(sum + if metadata.is_dir() { size(&entry.path())? } else { metadata.len() })
    })
}

fn check(folder: &Path, free: u64, needed: u64) -> Result<(), StoreError> {
    let least = MIN_FREE_SPACE.saturating_add(needed);
    if free >= least {
        return Ok(());
    }
    Err(StoreError::Failed(format!(
        "the disk of {} has {} MiB left; nothing is written below {} MiB: free some space",
        folder.display(),
        free >> 20,
        least >> 20
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nearly_full_disk_is_refused_with_the_folder_and_the_remedy() {
        let folder = Path::new("/data/store");
        assert_eq!(check(folder, MIN_FREE_SPACE, 0), Ok(()));
        let error = check(folder, MIN_FREE_SPACE - 1, 0).expect_err("one byte short").to_string();
        assert!(error.contains("/data/store") && error.contains("255 MiB left"), "{error}");
        assert!(error.ends_with("free some space"), "{error}");
    }

    #[test]
    fn a_copy_needs_room_beside_the_original() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(folder.path().join("segment")).expect("a folder");
        for name in ["one", "segment/two"] {
            fs::write(folder.path().join(name), [0; 1_000]).expect("a file");
        }
        let size = size(folder.path()).expect("its size");
        assert_eq!(size, 2_000);
        assert_eq!(check(folder.path(), MIN_FREE_SPACE + size, size), Ok(()));
        check(folder.path(), MIN_FREE_SPACE + size - 1, size).expect_err("one byte short");
    }
}
