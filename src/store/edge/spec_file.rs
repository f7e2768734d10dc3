//! Spec file of a collection (`splade.json`).

use std::fs::{self, File};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::file_error;
use super::open_error::open_error;
use super::sync::sync_directory;
use crate::store::StoreError;
use crate::types::CollectionSpec;

const SPEC_FILE: &str = "splade.json";

/// Contents of `splade.json`.
#[derive(Debug, Serialize, Deserialize)]
struct SpecFile {
    /// Version of the format; files from before versioning lack the field.
    #[serde(rename = "version", default = "first_version")]
    version: u32,
    #[serde(flatten)]
    spec: CollectionSpec,
}

/// Version of `splade.json` that this build writes. Builds from before versioning can read it, because they ignore the
/// field.
const SPEC_VERSION: u32 = 1;

fn first_version() -> u32 {
    1
}

/// Reads the spec of a collection.
///
/// # Errors
/// [`StoreError::Failed`] if the file can't be read or parsed, or a later version of this program wrote it.
pub(super) fn read_spec(collection: &Path) -> Result<CollectionSpec, StoreError> {
    let path = collection.join(SPEC_FILE);
    let read = || -> io::Result<SpecFile> { Ok(serde_json::from_slice(&fs::read(&path)?)?) };
    let SpecFile { version, spec } =
        read().map_err(|error| open_error(collection, format!("{}: {error}", path.display())))?;
    if version > SPEC_VERSION {
        let path = path.display();
        return Err(StoreError::Failed(format!(
            "{path} has version {version}, but this version of splade-sidecar supports versions up to {SPEC_VERSION}; \
             start the version that created the collection, or a later one"
        )));
    }
    Ok(spec)
}

/// Writes the spec of a collection, durably.
pub(super) fn write_spec(collection: &Path, spec: &CollectionSpec) -> Result<(), StoreError> {
    let path = collection.join(SPEC_FILE);
    let write = || -> io::Result<()> {
        let file = File::create(&path)?;
        serde_json::to_writer_pretty(&file, &SpecFile { version: SPEC_VERSION, spec: spec.clone() })?;
        file.sync_all()
    };
    write().map_err(|error| file_error("write the file", &path, &error))?;
    sync_directory(collection)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Compares with a file written by a build of 2026-11-30.
    #[test]
    fn the_format_of_the_spec_is_stable() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join(SPEC_FILE);
        let first = r#"{
  "vector_name": "splade",
  "on_disk_index": false,
  "datatype": "Float16",
  "dense": {
    "a": {
      "size": 4,
      "distance": "Cosine"
    },
    "b": {
      "size": 2,
      "distance": "Dot"
    },
    "c": {
      "size": 1,
      "distance": "Euclid"
    }
  },
  "model": "tiny",
  "fingerprint": "b98f564b63188302e4c7ee976ae170e87743ce09182255f0545f98bf2aae5ce9"
}"#;
        fs::write(&path, first).unwrap();
        let spec = read_spec(dir.path()).unwrap();
        write_spec(dir.path(), &spec).unwrap();
        let now = fs::read_to_string(&path).unwrap();
        assert_eq!(now, first.replacen("{\n", "{\n  \"version\": 1,\n", 1));
        assert_eq!(read_spec(dir.path()), Ok(spec));
        for datatype in ["Float32", "Uint8"] {
            fs::write(&path, first.replace("Float16", datatype)).unwrap();
            read_spec(dir.path()).unwrap();
        }
        fs::write(&path, now.replace("\"version\": 1", "\"version\": 2")).unwrap();
        let error = read_spec(dir.path()).unwrap_err().to_string();
        assert!(error.contains("has version 2") && error.contains("a later one"), "{error}");
    }
}
