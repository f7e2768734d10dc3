//! Complete models are recognized, online and offline, in each layout.

use std::path::Path;

use tempfile::tempdir;

use super::server::{CONFIG, Files, Hub, TOKENIZER};
use super::{HubError, OFFLINE, config, pull, pull_checked};

/// Returns path and content of a file in `tests/data/models`.
macro_rules! data {
    ($file:literal) => {
        include_str!(concat!("../../data/models/", $file))
    };
}

const VOCABULARY: Files = &[
    ("config.json", CONFIG),
    ("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]"),
    ("added_tokens.json", "{}"),
    ("model.safetensors", "w"),
];

const SHARDED_PICKLE: Files = &[
    ("config.json", CONFIG),
    ("tokenizer.json", TOKENIZER),
    (
        "pytorch_model.bin.index.json",
        r#"{"weight_map": {"a": "pytorch_model-00001-of-00002.bin", "b": "pytorch_model-00002-of-00002.bin"}}"#,
    ),
    ("pytorch_model-00001-of-00002.bin", "w1"),
    ("pytorch_model-00002-of-00002.bin", "w2"),
];

const ROUTER: Files = &[
    ("modules.json", data!("router-random-static/modules.json")),
    ("router_config.json", data!("router-random-static/router_config.json")),
    ("config_sentence_transformers.json", data!("router-random-static/config_sentence_transformers.json")),
    ("document_0_Transformer/config.json", data!("router-random-static/document_0_Transformer/config.json")),
    (
        "document_0_Transformer/sentence_bert_config.json",
        data!("router-random-static/document_0_Transformer/sentence_bert_config.json"),
    ),
    ("document_0_Transformer/tokenizer.json", TOKENIZER),
    ("document_0_Transformer/model.safetensors", "w1"),
    ("document_1_SpladePooling/config.json", data!("router-random-static/document_1_SpladePooling/config.json")),
    ("query_0_SparseStaticEmbedding/config.json", "{}"),
    ("query_0_SparseStaticEmbedding/tokenizer_config.json", r#"{"tokenizer_class": "BertTokenizer"}"#),
    ("query_0_SparseStaticEmbedding/vocab.txt", "[PAD]"),
    ("query_0_SparseStaticEmbedding/pytorch_model.bin", "w2"),
];

/// Files of a router in a subdirectory, with a table of weights.
const NESTED: Files = &[
    ("modules.json", r#"[{"path": "0_Router", "type": "sentence_transformers.models.Router"}]"#),
    (
        "0_Router/router_config.json",
        r#"{"types": {"q": "a.SparseStaticEmbedding", "d": "a.MLMTransformer"},
            "structure": {"query": ["q"], "document": ["d"]}, "parameters": {}}"#,
    ),
    ("0_Router/q/config.json", r#"{"path": "table.json"}"#),
    ("0_Router/q/tokenizer.json", "{}"),
    ("table.json", "{}"),
    ("0_Router/d/config.json", CONFIG),
    ("0_Router/d/sentence_roberta_config.json", "{}"),
    ("0_Router/d/tokenizer.json", "{}"),
    ("0_Router/d/model.safetensors", "w"),
];

fn has_all(directory: &Path, files: Files) {
    for (path, _) in files {
        assert!(directory.join(path).is_file(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_of_a_complete_model_is_downloaded() {
    for files in [VOCABULARY, SHARDED_PICKLE, ROUTER] {
        let (_hub, endpoint) = Hub::new().of(files).serve().await;
        let home = tempdir().unwrap();
        let directory = pull_checked("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap();
        has_all(&directory, files);
        assert_eq!(pull("org/tiny", &config(home.path(), &endpoint, &[OFFLINE])).await.unwrap(), directory);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_are_found_as_deep_as_they_are_listed() {
    let (hub, endpoint) = Hub::new().of(NESTED).serve().await;
    let home = tempdir().unwrap();
    let directory = pull("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap();
    has_all(&directory, NESTED);
    assert!(hub.seen().paths.last().is_some_and(|path| path.ends_with("0_Router/d/model.safetensors")), "weights last");
    assert_eq!(pull("org/tiny", &config(home.path(), &endpoint, &[OFFLINE])).await.unwrap(), directory);
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_shards_and_roles_are_named_before_weights_are_downloaded() {
    let cases = [
        (&SHARDED_PICKLE[..4], "missing: pytorch_model-00002-of-00002.bin"),
        (&ROUTER[..10], "missing: tokenizer.json or vocab.txt in query_0_SparseStaticEmbedding/, weights"),
    ];
    for (files, missing) in cases {
        // The first check of the file list requires weights in any directory.
        let files: Files = Box::leak([files, &[("backup/pytorch_model.bin", "w")]].concat().into_boxed_slice());
        let (hub, endpoint) = Hub::new().of(files).serve().await;
        let home = tempdir().unwrap();
        let error = pull_checked("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap_err();
        assert!(matches!(error, HubError::Incomplete { .. }) && error.to_string().contains(missing), "{error}");
        let paths = hub.seen().paths;
        assert!(!paths.iter().any(|path| path.ends_with(".bin") || path.ends_with(".safetensors")), "{paths:?}");
    }
}

/// A cache of Hugging Face's tools has links to blobs and only files of the repository.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_hugging_faces_tools_made_is_complete() {
    use std::fs;

    let home = tempdir().unwrap();
    let repo = super::repo_dir(&home);
    let commit = super::COMMIT;
    for (number, (path, content)) in VOCABULARY.iter().enumerate() {
        let file = repo.join("snapshots").join(commit).join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::create_dir_all(repo.join("blobs")).unwrap();
        fs::write(repo.join("blobs").join(number.to_string()), content).unwrap();
        std::os::unix::fs::symlink(format!("../../blobs/{number}"), &file).unwrap();
    }
    fs::create_dir_all(repo.join(".no_exist").join(commit)).unwrap();
    fs::create_dir_all(repo.join("refs")).unwrap();
    fs::write(repo.join("refs/main"), commit).unwrap();
    let offline = config(home.path(), "http://127.0.0.1:9", &[OFFLINE]);
    assert_eq!(pull("org/tiny", &offline).await.unwrap(), repo.join("snapshots").join(commit));
}
