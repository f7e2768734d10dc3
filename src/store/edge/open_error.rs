//! The error of a collection that can't be opened.

use std::fmt::Display;
use std::path::Path;

use super::disk_space::check_free_space;
use crate::store::StoreError;

/// Returns the error of a collection that can't be opened.
pub(super) fn open_error(collection: &Path, reason: impl Display) -> StoreError {
    // A full disk makes the engine fail in many ways, some of which look like damaged files.
    let disk_error = check_free_space(collection).err();
    let collection = collection.display();
    if let Some(disk_error) = disk_error {
        return StoreError::Failed(format!("the collection in {collection} can't be opened: {disk_error} ({reason})"));
    }
    let remedy = "restore its directory, or move it out of the store";
    StoreError::Failed(format!("the collection in {collection} can't be opened; {remedy} ({reason})"))
}
