//! Which files of a directory hold a model's weights.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::json_file::read_json;
use super::super::{ModelError, files};

pub const SINGLE_FILE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLE: &str = "pytorch_model.bin";
const PICKLE_INDEX: &str = "pytorch_model.bin.index.json";

/// The files that hold a directory's tensors: one file or the shards of an index, safetensors before pickles, as
/// transformers prefers them.
///
/// # Errors
/// If an index names no files. A directory without any of them gives the first, whose absence is reported when it is opened.
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
    // A name is a file beside the index, and no way out of the directory.
    let paths = names.iter().map(|name| files::resolve_within(directory, name).filter(|_| !name.contains(['/', '\\'])));
    match paths.collect::<Option<Vec<_>>>() {
        Some(paths) if !paths.is_empty() => Ok(paths),
        _ => Err(ModelError::file(index, "`weight_map` does not map tensors to files of this folder")),
    }
}
