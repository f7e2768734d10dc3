//! Models for tests.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use splade_sidecar::model::{Backend, Model, Tokenizer};
use tempfile::TempDir;

use super::skips::skip;

/// Returns the directory of a small random model in `tests/data`.
pub fn model_dir(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/models").join(name)
}

/// Returns the directory of splade-tiny (downloaded by `scripts/fetch_model.py`), or `None` if it is missing: the test
/// is skipped.
pub fn find_splade_tiny() -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let dir = match std::env::var_os("SPLADE_MODEL_DIR") {
        Some(dir) => Some(PathBuf::from(dir)),
        None => cache.map(|cache| cache.join("splade-sidecar/models/splade-tiny")),
    };
    let dir = dir.filter(|dir| dir.is_dir());
    if dir.is_none() {
        skip("model");
    }
    dir
}

/// Loads a small random model.
pub fn load_random_model(name: &str) -> Model {
    Model::load(name, &model_dir(name), &Backend::default()).unwrap()
}

/// Copies a directory recursively.
pub fn copy_dir(from: &Path, to: &Path) {
    for file in std::fs::read_dir(from).unwrap() {
        let (from, to) = (file.as_ref().unwrap().path(), to.join(file.unwrap().file_name()));
        if from.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy_dir(&from, &to);
        } else {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// Copies a small random model and changes tensors of its single safetensors file.
pub fn create_modified_model(name: &str, change: impl FnOnce(&mut HashMap<String, Tensor>)) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    copy_dir(&model_dir(name), copy.path());
    let path = copy.path().join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    copy
}

/// Changes the word embedding of a token. The decoder no longer shares the weights of the word embedding.
pub fn change_embedding(tensors: &mut HashMap<String, Tensor>, token: u32, change: impl FnOnce(&mut [f32])) {
    let is_word_embedding =
        |name: &&String| name.ends_with("word_embeddings.weight") || name.ends_with("tok_embeddings.weight");
    let name = tensors.keys().find(is_word_embedding).unwrap().clone();
    let embedding = tensors[&name].clone();
    if name.starts_with("bert.") {
        tensors.entry("cls.predictions.decoder.weight".to_owned()).or_insert_with(|| embedding.clone());
    }
    let (count, width) = embedding.dims2().unwrap();
    let mut rows: Vec<f32> = embedding.flatten_all().unwrap().to_vec1().unwrap();
    change(&mut rows[token as usize * width..][..width]);
    tensors.insert(name, Tensor::from_vec(rows, (count, width), &Device::Cpu).unwrap());
}

/// Finds a token that occurs in `text` and in none of `others`.
pub fn find_distinct_token(tokenizer: &Tokenizer, text: &str, others: &[&str]) -> u32 {
    let ids = |text| tokenizer.tokenize(text).unwrap().ids;
    let others: Vec<u32> = others.iter().flat_map(|other| ids(other)).collect();
    ids(text).into_iter().find(|id| !others.contains(id)).unwrap()
}
