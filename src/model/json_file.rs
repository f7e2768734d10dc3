//! Reading of JSON files in a model directory.

use std::path::Path;

use serde::de::DeserializeOwned;

use super::{ModelError, files};

/// Reads a JSON file.
///
/// # Errors
/// [`ModelError::File`] if it is missing, unreadable or not the expected JSON.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    read_optional_json(path)?.ok_or_else(|| ModelError::file(path, "the file is missing"))
}

/// Reads a JSON file; `None` if it does not exist.
///
/// # Errors
/// [`ModelError::File`] if it is unreadable or not the expected JSON.
pub fn read_optional_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ModelError> {
    let text = match files::read_bounded(path, files::MAX_JSON_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ModelError::file(path, error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| ModelError::file(path, error))
}
