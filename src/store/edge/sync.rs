//! Durability of directory entries.

use std::fs::File;
use std::path::Path;

use super::error::file_error;
use crate::store::StoreError;

/// Makes the entries of a directory durable. Does nothing except on Unix: other systems neither need it nor can open a
/// directory as a file.
pub(super) fn sync_directory(dir: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        let result = File::open(dir).and_then(|file| file.sync_all());
        result.map_err(|error| file_error("sync the directory", dir, &error))?;
    }
    Ok(())
}
