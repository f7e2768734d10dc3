//! Durable directories.

use std::fs::File;
use std::path::Path;

use super::error::failed;
use crate::store::StoreError;

/// Makes the entries of a directory durable. Only Unix can open a directory, and only there it is necessary.
pub(super) fn sync_directory(folder: &Path) -> Result<(), StoreError> {
    if cfg!(unix) {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(|error| failed("sync the folder", folder, &error))?;
    }
    Ok(())
}
