//! Hostile settings: sizes that overflow or exhaust memory, paths outside the directory, files that
//! never end.

use std::fs::File;
use std::os::unix::net::UnixListener;

use serde_json::{Value, json};

use super::{assert_contains, copy_model, copy_of, error_of, with_json, with_json_of};

#[test]
fn out_of_range_sizes_and_numbers() {
    let size = "expected a positive integer";
    for (key, value, problem) in [
        ("hidden_size", json!(1u64 << 40), size),
        ("hidden_size", json!(u64::MAX), size),
        ("hidden_size", json!(0), size),
        ("intermediate_size", json!(1u64 << 63), size),
        ("vocab_size", json!(-1), size),
        ("vocab_size", json!(700.5), size),
        ("num_attention_heads", json!(0), size),
        ("num_attention_heads", json!(7), "expected a divisor of the hidden size"),
        ("num_attention_heads", json!(1 << 30), "expected a divisor of the hidden size"),
        ("max_position_embeddings", json!(i32::MAX), "the maximum is 65536"),
        ("layer_norm_eps", json!(-1.0), "expected a non-negative number"),
        ("layer_norm_eps", json!("small"), "expected a non-negative number"),
        ("architectures", json!(["GPT"]), "not supported"),
    ] {
        assert_contains(&with_json("config.json", |config| config[key] = value), &["config.json", problem]);
    }
    for key in ["hidden_size", "intermediate_size", "vocab_size", "type_vocab_size", "num_hidden_layers"] {
        let error = with_json("config.json", |config| config[key] = json!(1_000_000_000));
        assert_contains(&error, &["model.safetensors", "tensor", "expected"]);
    }
    assert_contains(
        &with_json("config.json", |config| config["max_position_embeddings"] = json!(2)),
        &["expected at least 3"],
    );
}

/// The weights do not bound the number of positions.
#[test]
fn angles_that_would_need_all_memory() {
    let with =
        |key: &str, value: Value| with_json_of("modernbert-random-tied", "config.json", |config| config[key] = value);
    assert_contains(&with("max_position_embeddings", json!(2_000_000_000)), &["config.json", "the maximum is 65536"]);
    assert_contains(&with("num_attention_heads", json!(32)), &["config.json", "unsupported head size 1;", "even"]);
    assert_contains(&with("local_attention", json!(-128)), &["config.json", "local_attention"]);
    assert_contains(&with("norm_eps", json!([])), &["config.json", "norm_eps"]);
}

#[test]
fn positions_that_the_padding_leaves_no_room_for() {
    let with =
        |padding: Value| with_json_of("roberta-random-tied", "config.json", |config| config["pad_token_id"] = padding);
    assert_contains(&with(json!(u32::MAX)), &["expected at least 3"]);
}

#[test]
fn paths_outside_the_model_directory() {
    for path in ["..", "../other", "/etc", "1_SpladePooling/../.."] {
        let module = |path: &str, class: &str| json!({ "idx": 0, "name": class, "path": path, "type": class });
        let modules = json!([module(path, "MLMTransformer"), module("", "SpladePooling")]);
        assert_contains(
            &with_json("modules.json", |file| *file = modules),
            &["modules.json", path, "outside the model's directory"],
        );
        let router = json!([module(path, "Router")]);
        assert_contains(
            &with_json("modules.json", |file| *file = router),
            &["modules.json", path, "outside the model's directory"],
        );
        let error = with_json_of("router-random-idf-json", "router_config.json", |config| {
            config["types"][path] = json!("SparseStaticEmbedding");
            config["structure"]["query"] = json!([path]);
        });
        assert_contains(&error, &["router_config.json", path, "outside the model's directory"]);
        let file = "query_0_SparseStaticEmbedding/config.json";
        let error = with_json_of("router-random-idf-json", file, |config| {
            config["path"] = json!(format!("{path}/idf.json"));
        });
        assert_contains(&error, &[file, path, "outside the model's directory"]);
    }
    let index = "model.safetensors.index.json";
    for name in ["..", ".", "", "../model.safetensors", "/etc/passwd"] {
        let error = with_json_of("distilbert-random-sharded", index, |file| file["weight_map"] = json!({ "a": name }));
        assert_contains(&error, &["model"]);
        assert!(!error.contains("root:"), "{error}");
    }
}

#[test]
fn non_numeric_token_weights() {
    let with = |value: Value| with_json_of("router-random-idf-json", "idf.json", |idf| idf["the"] = value);
    assert_contains(&with(json!(1e39)), &["idf.json", "number out of range"]);
    assert_contains(&with(json!("heavy")), &["idf.json", "invalid type"]);
}

/// Replaces a file by a directory, a socket and an oversized file; reading a pipe would never end.
#[test]
fn special_and_oversized_files() {
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "modules.json", "model.safetensors"] {
        let (_copy, directory) = copy_model();
        let path = directory.join(name);
        let _ = std::fs::remove_file(&path);
        std::fs::create_dir(&path).unwrap();
        assert_contains(&error_of(&directory), &[name, "not a regular file"]);
        std::fs::remove_dir(&path).unwrap();
        let _socket = UnixListener::bind(&path).unwrap();
        assert_contains(&error_of(&directory), &[name, "not a regular file"]);
        std::fs::remove_file(&path).unwrap();
        File::create(&path).unwrap().set_len(130 << 20).unwrap();
        let problem = if name == "model.safetensors" { "not a safetensors" } else { "MiB, the maximum" };
        assert_contains(&error_of(&directory), &[name, problem]);
    }
}

#[test]
fn deeply_nested_json() {
    for name in ["config.json", "modules.json", "tokenizer.json", "tokenizer_config.json"] {
        let (_copy, directory) = copy_model();
        std::fs::write(directory.join(name), "[".repeat(1 << 20)).unwrap();
        assert_contains(&error_of(&directory), &[name]);
    }
    let (_copy, directory) = copy_of("router-random-idf-json");
    std::fs::write(directory.join("idf.json"), "{\"a\":".repeat(1 << 20)).unwrap();
    assert_contains(&error_of(&directory), &["idf.json"]);
}
