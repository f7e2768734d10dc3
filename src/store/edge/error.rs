//! Errors of the store and its files.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::store::StoreError;

/// What went wrong with a file, and what to do.
pub(super) fn file_error(action: &str, path: &Path, error: &io::Error) -> StoreError {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "give a folder that this process can write to (--store-dir)"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "move away what is in its place",
        _ => "check the disk",
    };
    StoreError::Failed(format!("can't {action} {}: {error}; {remedy}", path.display()))
}

/// Returns the error of a call on a closed store.
pub(super) fn closed_error() -> StoreError {
    StoreError::Unavailable("it has been closed".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_files_name_the_path_and_the_remedy() {
        for (kind, remedy) in [
            (ErrorKind::StorageFull, "free some space"),
            (ErrorKind::ReadOnlyFilesystem, "--store-dir"),
            (ErrorKind::PermissionDenied, "--store-dir"),
        ] {
            let error = file_error("make the folder", Path::new("/data/x"), &kind.into()).to_string();
            assert!(error.contains("/data/x") && error.contains(remedy), "{error}");
        }
    }
}
