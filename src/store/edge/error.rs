//! Constructors of common store errors.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::store::StoreError;

/// Returns the error of a failed file operation, with path and remedy. `action` completes the sentence "can't …", such as
/// "read the file".
pub(super) fn file_error(action: &str, path: &Path, error: &io::Error) -> StoreError {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "free some space",
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            "use a directory that this process can write to (--store-dir)"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => "move the existing file out of the way",
        _ => "check the disk",
    };
    StoreError::Failed(format!("can't {action} {}: {error}; {remedy}", path.display()))
}

/// Returns the error of a call on a closed store.
pub(super) fn closed_error() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
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
            let error = file_error("create the directory", Path::new("/data/x"), &kind.into()).to_string();
            assert!(error.contains("/data/x") && error.contains(remedy), "{error}");
        }
    }
}
