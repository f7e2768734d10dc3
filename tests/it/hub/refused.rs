//! A model that can't be loaded is refused before its weights are downloaded.

use tempfile::tempdir;

use super::server::{CONFIG, Files, Hub, MODEL, MODULES, TOKENIZER};
use super::{HubError, OFFLINE, config, pull, pull_checked};

const T5: &str = r#"{"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "vocab_size": 32128}"#;
const DENSE: &str = r#"[{"name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"name": "1", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}]"#;

const CLASS: Files =
    &[("config.json", T5), ("tokenizer.json", TOKENIZER), ("model.safetensors", "w"), ("pytorch_model.bin", "w")];
const MODULE: Files = &[
    ("config.json", CONFIG),
    ("tokenizer.json", TOKENIZER),
    ("modules.json", DENSE),
    ("config_sentence_transformers.json", r#"{"model_type": "SparseEncoder"}"#),
    ("2_Dense/model.safetensors", "w"),
    ("model.safetensors", "w"),
];
const KEY: Files = &[
    ("config.json", CONFIG),
    ("vocab.txt", "[PAD]"),
    ("modules.json", MODULES),
    ("config_sentence_transformers.json", r#"{"model_type": "SparseEncoder"}"#),
    ("1_SpladePooling/config.json", r#"{"pooling_strategy": "mean"}"#),
    ("pytorch_model.bin", "w"),
];

/// Adapter next to weights: transformers would load `org/base` and apply the adapter to it.
const ADAPTED: Files = &[
    ("config.json", CONFIG),
    ("tokenizer.json", TOKENIZER),
    ("adapter_config.json", r#"{"peft_type": "LORA", "base_model_name_or_path": "org/base"}"#),
    ("adapter_model.safetensors", "w"),
    ("model.safetensors", "w"),
];

/// Returns the requests for weights.
fn weights(paths: &[String]) -> Vec<&String> {
    let ends = [".safetensors", ".bin", ".onnx", ".gguf", ".h5"];
    paths.iter().filter(|path| ends.iter().any(|end| path.ends_with(end))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_a_module_or_a_value_is_refused_by_name_and_no_weights_are_downloaded() {
    let cases = [
        (CLASS, "config.json", "T5ForConditionalGeneration"),
        (MODULE, "modules.json", "Dense"),
        (KEY, "1_SpladePooling/config.json", "mean"),
        (ADAPTED, "adapter_config.json", "merge it into its base model `org/base`"),
    ];
    for (files, file, named) in cases {
        let (hub, endpoint) = Hub::new().of(files).serve().await;
        let home = tempdir().unwrap();
        let config = config(home.path(), &endpoint, &[]);
        let error = pull_checked("org/tiny", &config).await.unwrap_err();
        assert!(matches!(error, HubError::Unsupported { .. }), "{error:?}");
        let message = error.to_string();
        assert!(["`org/tiny` at `main`", file, named].iter().all(|words| message.contains(words)), "{message}");
        let seen = hub.seen();
        assert!(seen.paths.iter().any(|path| path.ends_with(file)), "{:?}", seen.paths);
        assert_eq!(weights(&seen.paths), Vec::<&String>::new());
        assert_eq!(seen.ranges, Vec::<String>::new(), "the host of large files received no request");
        assert!(!super::repo_dir(&home).join("refs/main").exists(), "no ref is written for a refused model");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_revision_leaves_the_cache_as_it_was() {
    let home = tempdir().unwrap();
    let (_hub, endpoint) = Hub::new().serve().await;
    let good = pull_checked("org/tiny@v1", &config(home.path(), &endpoint, &[])).await.unwrap();
    let (_hub, endpoint) = Hub::new().of(CLASS).serve().await;
    pull_checked("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap_err();
    let offline = config(home.path(), &endpoint, &[OFFLINE]);
    assert_eq!(pull_checked("org/tiny@v1", &offline).await.unwrap(), good);
    assert!(matches!(pull("org/tiny", &offline).await, Err(HubError::NotCached { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_that_is_huge_is_refused_before_it_is_downloaded() {
    let huge: &str = Box::leak(" ".repeat(17 << 20).into_boxed_str());
    let files = [MODEL[2], MODEL[3], MODEL[4], ("config.json", huge)];
    let files: Files = Box::leak(Box::new(files));
    for hub in [Hub::new().of(files), Hub::new().of(files).without_sizes()] {
        let (hub, endpoint) = hub.serve().await;
        let home = tempdir().unwrap();
        let error = pull("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap_err();
        assert!(matches!(&error, HubError::TooLarge { file, .. } if file == "config.json"), "{error:?}");
        assert!(error.to_string().contains("17825792 bytes"), "{error}");
        assert_eq!(weights(&hub.seen().paths), Vec::<&String>::new());
    }
}
