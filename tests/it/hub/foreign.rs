//! Repositories whose weights are in an unsupported format.

use tempfile::tempdir;

use super::server::{Files, Hub};
use super::{HubError, config, pull_checked};

const CARD: &str = "---\nlicense: mit\nbase_model:\n- org/original\n---\n# An export\n";
const NAMED: &str = r#"{"architectures": ["BertForMaskedLM"], "_name_or_path": "org/trained"}"#;
const OWN_PATH: &str = r#"{"architectures": ["BertForMaskedLM"], "_name_or_path": "/home/user/model"}"#;
const ADAPTER: &str = r#"{"peft_type": "LORA", "base_model_name_or_path": "org/base"}"#;

const ONNX: (&str, &str) = ("onnx/model.onnx", "w");
const TOKENIZER: (&str, &str) = ("tokenizer.json", "{}");

/// Returns the message of the refusal, and whether any of `words` is part of a path that was requested.
async fn refusal(files: Files, hub: Hub, words: &[&str]) -> (String, bool) {
    let (hub, endpoint) = hub.of(files).serve().await;
    let home = tempdir().unwrap();
    let error = pull_checked("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap_err();
    assert!(matches!(error, HubError::UnsupportedFormat { .. }), "{error:?}");
    let requested = hub.seen().paths.iter().any(|path| words.iter().any(|word| path.contains(word)));
    (error.to_string(), requested)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_onnx_export_names_its_original() {
    let cases: [(Files, &str); 4] = [
        (
            &[("README.md", CARD), ("config.json", NAMED), TOKENIZER, ONNX],
            "`org/original` (from `base_model` of README.md)",
        ),
        (&[("config.json", NAMED), TOKENIZER, ONNX], "`org/trained` (from `_name_or_path` of config.json)"),
        (&[("config.json", OWN_PATH), TOKENIZER, ONNX], "use the repository of the original model"),
        (&[("README.md", "# Mine"), ("model_O2.onnx", "w")], "use the repository of the original model"),
    ];
    for (files, original) in cases {
        let (message, requested) = refusal(files, Hub::new(), &["onnx", "tokenizer"]).await;
        assert!(message.contains("`org/tiny` at `main` is an ONNX export, and ONNX is not supported"), "{message}");
        assert!(message.contains(original), "{message}");
        assert!(!requested, "only files that may name the original model are downloaded");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_model_card_is_not_downloaded() {
    let card: &str = Box::leak(format!("{CARD}{}", " ".repeat(2 << 20)).into_boxed_str());
    let files: Files = Box::leak(Box::new([("README.md", card), ("config.json", NAMED), ONNX]));
    let (message, requested) = refusal(files, Hub::new(), &["README.md"]).await;
    assert!(message.contains("`org/trained`") && !requested, "{message}");
    let (message, _) = refusal(files, Hub::new().without_sizes(), &[]).await;
    assert!(message.contains("`org/trained`"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_alone_names_its_base_model() {
    const FILES: Files = &[
        ("adapter_config.json", ADAPTER),
        ("adapter_model.safetensors", "w"),
        TOKENIZER,
        ("modules.json", super::server::MODULES),
        ("1_SpladePooling/config.json", "{}"),
    ];
    let (message, requested) = refusal(FILES, Hub::new(), &["adapter_model"]).await;
    assert!(message.contains("is only a LoRA adapter") && message.contains("merge it into its base model `org/base`"));
    assert!(!requested);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_formats_are_named() {
    let cases: [(Files, &str, &str); 4] = [
        (&[("splade.Q8_0.gguf", "w"), ("README.md", CARD)], "GGUF is not supported", "org/original"),
        (&[("config.json", NAMED), TOKENIZER, ("tf_model.h5", "w")], "TensorFlow", "from_tf=True"),
        (&[("config.json", NAMED), TOKENIZER, ("flax_model.msgpack", "w")], "Flax", "from_flax=True"),
        (&[("openvino/openvino_model.xml", "w"), ("openvino/openvino_model.bin", "w")], "OpenVINO", "original model"),
    ];
    for (files, format, remedy) in cases {
        let (message, requested) = refusal(files, Hub::new(), &["gguf", ".h5", "msgpack", "openvino"]).await;
        assert!(message.contains(format) && message.contains(remedy), "{message}");
        assert!(!requested);
    }
}
