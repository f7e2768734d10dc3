//! Selection of weight files in a directory.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::json_file::read_json;
use super::super::{ModelError, files};

pub const SINGLE_FILE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLE: &str = "pytorch_model.bin";
const PICKLE_INDEX: &str = "pytorch_model.bin.index.json";

/// Returns the weight files of a directory: one file or the shards of an index, safetensors before pickles, as in
/// transformers. If there are none, returns `model.safetensors`, whose absence is reported when it is opened.
///
/// # Errors
/// [`ModelError::File`] if an index is invalid.
pub fn find_weight_files(directory: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let path = |name: &str| directory.join(name);
    for (single_file, index) in [(SINGLE_FILE, INDEX), (PICKLE, PICKLE_INDEX)] {
        if path(single_file).exists() {
            return Ok(vec![path(single_file)]);
        }
        if path(index).exists() {
            return read_shard_index(directory, &path(index));
        }
    }
    Ok(vec![path(SINGLE_FILE)])
}

fn read_shard_index(directory: &Path, index: &Path) -> Result<Vec<PathBuf>, ModelError> {
    let value: Value = read_json(index)?;
    let map = value.get("weight_map").and_then(Value::as_object).into_iter().flatten();
    let mut names: Vec<&str> = map.filter_map(|(_, file)| file.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    // Shards must be files beside the index; other paths could leave the directory.
    let paths = names.iter().map(|name| files::resolve_within(directory, name).filter(|_| !name.contains(['/', '\\'])));
    match paths.collect::<Option<Vec<_>>>() {
        Some(paths) if !paths.is_empty() => Ok(paths),
        _ => Err(ModelError::file(
            index,
            "`weight_map` is invalid; expected a map from tensors to files in this directory",
        )),
    }
}
