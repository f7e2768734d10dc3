//! The error of a collection that can't be opened.

use std::fmt::Display;
use std::path::Path;

use super::space::check_free_space;
use crate::store::StoreError;

/// Returns the error of a collection that can't be opened.
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
