//! Durable directories.

use std::fs::File;
use std::path::Path;

use super::error::file_error;
use crate::store::StoreError;

/// Makes the entries of a directory durable. Only Unix can open a directory, and only there it is necessary.
pub(super) fn sync_directory(dir: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        let result = File::open(dir).and_then(|file| file.sync_all());
        result.map_err(|error| file_error("sync the folder", dir, &error))?;
    }
    Ok(())
}
