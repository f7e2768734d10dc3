//! Safetensors files with an invalid header.

use candle_core::DType;
use serde_json::{Value, json};

use super::{assert_contains, copy_model, error_of, with_tensors};

/// Loads a copy with `header` before the tensors and returns the error.
fn with_header(length: Option<u64>, header: &[u8]) -> String {
    let (_copy, directory) = copy_model();
    let length = length.unwrap_or(header.len() as u64);
    let tensors = [0; 64];
    std::fs::write(directory.join("model.safetensors"), [&length.to_le_bytes(), header, &tensors].concat()).unwrap();
    error_of(&directory)
}

#[test]
fn inconsistent_headers() {
    let tensor = |shape: Value, offsets: Value| json!({ "bert.embeddings.word_embeddings.weight": { "dtype": "F32", "shape": shape, "data_offsets": offsets } });
    let huge = 1u64 << 40;
    for header in [
        tensor(json!([huge, huge]), json!([0, 64])),
        tensor(json!([u64::MAX]), json!([0, 64])),
        tensor(json!([huge]), json!([0, huge * 4])),
        tensor(json!([16]), json!([64, 0])),
        tensor(json!([16]), json!([0, u64::MAX])),
        tensor(json!([-1]), json!([0, 64])),
        tensor(json!([4]), json!([16, 32])),
        json!({ "a": { "dtype": "F3", "shape": [16], "data_offsets": [0, 64] } }),
        json!([]),
        json!({}),
    ] {
        assert_contains(
            &with_header(None, header.to_string().as_bytes()),
            &["model.safetensors", "not a safetensors file"],
        );
    }
    for length in [1 << 60, u64::MAX, 1 << 26, 99_999_999] {
        assert_contains(&with_header(Some(length), b"{}"), &["model.safetensors", "not a safetensors file"]);
    }
    assert_contains(
        &with_header(None, "[".repeat(1 << 20).as_bytes()),
        &["model.safetensors", "not a safetensors file"],
    );
    assert_contains(&with_header(None, b"\xff\xfe"), &["model.safetensors", "not a safetensors file"]);
}

#[test]
fn elements_that_are_no_weights() {
    let name = "bert.encoder.layer.0.output.dense.bias";
    let error = with_tensors(|tensors| {
        let whole = tensors[name].to_dtype(DType::I64).unwrap();
        tensors.insert(name.to_owned(), whole);
    });
    assert_contains(&error, &["model.safetensors", name, "I64", "expected F32"]);
}
