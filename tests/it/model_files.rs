//! Invalid and damaged model directories: the error names the file and the expected content.

mod pickles;
mod settings;
mod tensors;
mod tokenizers;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use splade_sidecar::model::{Backend, Model};
use tempfile::TempDir;

use crate::support::models::{copy_dir, model_dir};

/// Copies a small random model, for a test to modify.
fn copy_model() -> (TempDir, PathBuf) {
    copy_of("bert-random-tied")
}

fn copy_of(model: &str) -> (TempDir, PathBuf) {
    let copy = tempfile::tempdir().unwrap();
    copy_dir(&model_dir(model), copy.path());
    let path = copy.path().to_owned();
    (copy, path)
}

fn error_of(directory: &Path) -> String {
    Model::load("spoilt", directory, &Backend::default()).unwrap_err().to_string()
}

/// Loads a copy with a changed JSON file and returns the error.
fn with_json(file: &str, change: impl FnOnce(&mut Value)) -> String {
    with_json_of("bert-random-tied", file, change)
}

fn with_json_of(model: &str, file: &str, change: impl FnOnce(&mut Value)) -> String {
    let (_copy, directory) = copy_of(model);
    let path = directory.join(file);
    let mut value = serde_json::from_slice(&std::fs::read(&path).unwrap_or_else(|_| b"{}".to_vec())).unwrap();
    change(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
    error_of(&directory)
}

/// Loads a copy with changed tensors and returns the error.
fn with_tensors(change: impl FnOnce(&mut HashMap<String, Tensor>)) -> String {
    let (_copy, directory) = copy_model();
    let path = directory.join("model.safetensors");
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    error_of(&directory)
}

#[track_caller]
fn assert_contains(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "`{part}` is not in: {error}");
    }
}

#[test]
fn a_file_that_is_missing() {
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let (_copy, directory) = copy_model();
        std::fs::remove_file(directory.join(file)).unwrap();
        assert_contains(&error_of(&directory), &[file]);
    }
}

#[test]
fn an_architecture_that_is_not_known() {
    let error = with_json("config.json", |config| config["architectures"] = json!(["LlamaForCausalLM"]));
    assert_contains(&error, &["config.json", "LlamaForCausalLM", "BertForMaskedLM", "DistilBertForMaskedLM"]);
}

#[test]
fn invalid_sizes() {
    assert_contains(
        &with_json("config.json", |config| config["hidden_size"] = json!("wide")),
        &["config.json", "hidden_size"],
    );
    assert_contains(
        &with_json("config.json", |config| config["hidden_act"] = json!("swish")),
        &["config.json", "swish", "gelu"],
    );
}

#[test]
fn a_module_that_is_not_supported() {
    let modules = json!([{ "idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Dense" }]);
    let error = with_json_of("bert-random-sum", "modules.json", |file| *file = modules);
    assert_contains(&error, &["modules.json", "Dense", "SpladePooling"]);
    let code = json!([{ "idx": 0, "name": "0", "path": "", "type": "modeling_own.MLMTransformer" }]);
    let error = with_json_of("bert-random-sum", "modules.json", |file| *file = code);
    assert_contains(&error, &["modules.json", "modeling_own.MLMTransformer", "custom code"]);
}

#[test]
fn a_tensor_that_is_missing_or_of_another_shape() {
    let name = "bert.encoder.layer.1.output.dense.weight";
    let error = with_tensors(|tensors| assert!(tensors.remove(name).is_some()));
    assert_contains(&error, &["model.safetensors", name, "missing", "expected shape"]);
    let error = with_tensors(|tensors| {
        let turned = tensors[name].t().unwrap().contiguous().unwrap();
        tensors.insert(name.to_owned(), turned);
    });
    assert_contains(&error, &["model.safetensors", name, "has shape", "expected"]);
}

#[test]
fn weights_that_are_cut_short() {
    let (_copy, directory) = copy_model();
    let path = directory.join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    for length in [0, 4, 100, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert_contains(&error_of(&directory), &["model.safetensors"]);
    }
}

#[test]
fn a_tokenizer_that_does_not_fit() {
    let error = with_json("config.json", |config| config["vocab_size"] = json!(100));
    assert_contains(&error, &["tokenizer.json", "exceeds the 100 embeddings"]);
    let (_copy, directory) = copy_model();
    std::fs::write(directory.join("tokenizer.json"), "{}").unwrap();
    assert_contains(&error_of(&directory), &["tokenizer.json"]);
}

#[test]
fn shards_that_are_missing_or_elsewhere() {
    let (_copy, directory) = copy_of("distilbert-random-sharded");
    let shard = "model-00002-of-00003.safetensors";
    std::fs::remove_file(directory.join(shard)).unwrap();
    assert_contains(&error_of(&directory), &[shard, "expected the model's weights"]);
    let index = "model.safetensors.index.json";
    for map in [json!({}), json!({ "weight_map": { "a": "../../other.safetensors" } })] {
        std::fs::write(directory.join(index), map.to_string()).unwrap();
        assert_contains(&error_of(&directory), &[index, "weight_map"]);
    }
}

#[test]
fn an_invalid_pickle() {
    let (_copy, directory) = copy_of("bert-random-bin");
    std::fs::write(directory.join("pytorch_model.bin"), "no zip archive").unwrap();
    assert_contains(&error_of(&directory), &["pytorch_model.bin", "not a PyTorch file"]);
}

#[test]
fn a_router_without_a_route_or_with_weights_for_other_tokens() {
    let (_copy, directory) = copy_of("router-random-idf-json");
    std::fs::write(directory.join("idf.json"), json!({ "no such token": 1.0 }).to_string()).unwrap();
    assert_contains(&error_of(&directory), &["idf.json", "no such token"]);
    let path = directory.join("router_config.json");
    let mut router: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    router["structure"].as_object_mut().unwrap().remove("query").unwrap();
    std::fs::write(&path, router.to_string()).unwrap();
    assert_contains(&error_of(&directory), &["router_config.json", "route `query` does not exist"]);
    router["structure"] =
        json!({ "document": ["query_0_SparseStaticEmbedding"], "query": ["query_0_SparseStaticEmbedding"] });
    std::fs::write(&path, router.to_string()).unwrap();
    assert_contains(&error_of(&directory), &["router_config.json", "no module encodes documents", "structure"]);
}
