//! Data of earlier builds is read, and data of later builds is refused: see docs/adr/0002-persisted-identities.md.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use splade_sidecar::model::{Backend, FingerprintMatch, Model};
use splade_sidecar::proto::{
    EncodingOptions, IngestOptions, ListDocumentsRequest, LongText, OperationStatus, PayloadFormat, Pruning,
    ReturnOptions, SearchRequest,
};
use splade_sidecar::store::{CollectionCatalog, PointWriter, QdrantStore};
use splade_sidecar::types::{CollectionSpec, Datatype, Fingerprint, Point, PointId, Sharding, SparseVector};
use tempfile::TempDir;
use tonic::Code;

use crate::support::documents::{document, num, options};
use crate::support::failure::Failure;
use crate::support::models::{copy_dir, find_splade_tiny, model_dir};
use crate::support::qdrant_server::QdrantServer;
use crate::support::queries::text_query;
use crate::support::remote_stores::default_config;
use crate::support::sidecar::{Sidecar, on_both_stores};

fn fixture() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/store-0.1.0")
}

/// Restores a copy of the store of version 0.1.0.
fn restore(store: &Path) {
    let sizes: BTreeMap<String, u64> =
        serde_json::from_slice(&fs::read(fixture().join("sizes.json")).unwrap()).unwrap();
    for (name, size) in sizes {
        let path = store.join(&name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::copy(fixture().join(&name), &path).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(size).unwrap();
    }
}

/// Searches and lists the store; every document with an id is UNCHANGED by the model's real fingerprint and the digests of that
/// build. Ids derived from texts differ from those of that build. Skipped if the model is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_of_version_0_1_0_is_read_and_unchanged() {
    let Some(model) = find_splade_tiny() else { return };
    let directory = TempDir::new().unwrap();
    restore(&directory.path().join("store"));
    let sidecar = Sidecar::start_in(directory, &["--model", &format!("tiny={}", model.display())]).await;
    sidecar.wait_serving().await;

    let request = ListDocumentsRequest {
        collection: "docs".to_owned(),
        return_options: Some(ReturnOptions { payload_format: PayloadFormat::Json.into(), ..Default::default() }),
        ..ListDocumentsRequest::default()
    };
    let listed = sidecar.index_client().await.list_documents(request).await.unwrap().into_inner().documents;
    let payloads: Vec<Value> =
        listed.iter().map(|document| serde_json::from_str(&document.payload_json).unwrap()).collect();
    assert_eq!(payloads.len(), 4);
    assert!(payloads.contains(&json!({"text": "the wing in a slipstream", "big": 9_007_199_254_740_992_i64})));
    assert!(payloads.contains(&json!({"text": "no id at all", "f": 1.5e-7, "g": 1e20})));

    let text = fs::read_to_string(fixture().join("docs.jsonl")).unwrap();
    let run_in = TempDir::new().unwrap();
    fs::write(run_in.path().join("docs.jsonl"), text).unwrap();
    let address = format!("http://{}", sidecar.address);
    let flags = ["ingest", "docs.jsonl", "--collection", "docs", "--skip-unchanged", "--output", "json"];
    let encoding = ["--long-text", "window", "--window-overlap", "8"];
    let pruning = ["--prune", "max-terms=64,min-weight=0.05,weight-share=0.9"];
    let run = crate::cli::run(run_in.path(), &address, &[&flags[..], &encoding, &pruning].concat()).await;
    assert_eq!(
        (run.json()["unchanged"].as_u64(), run.json()["indexed"].as_u64()),
        (Some(3), Some(1)),
        "{}",
        run.stdout
    );

    // The collection has no incarnation and works without one.
    let collection = sidecar.collection("docs").await;
    assert_eq!((collection.incarnation.as_str(), collection.point_count), ("", 5));

    let request =
        SearchRequest { collection: "docs".to_owned(), query: Some(text_query("volcano")), ..SearchRequest::default() };
    let hits = sidecar.index_client().await.search(request).await.unwrap().into_inner().hits;
    let found = hits[0].document.as_ref().unwrap();
    assert_eq!(found.payload.as_ref().unwrap().fields["text"].kind.clone().unwrap(), text_of("volcano eruption"));
    sidecar.stop_drained().await;
}

fn text_of(text: &str) -> prost_types::value::Kind {
    prost_types::value::Kind::StringValue(text.to_owned())
}

/// Two releases that write equal digests share a collection: each leaves the other's documents unchanged. Here the
/// digests of the older release are the golden ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_digest_of_an_unknown_version_is_a_changed_document() {
    on_both_stores(async |sidecar: &Sidecar| {
        let how = IngestOptions {
            encoding: Some(EncodingOptions {
                long_text: LongText::Window.into(),
                window_overlap: Some(8),
                pruning: Some(Pruning { max_terms: Some(64), min_weight: Some(0.05), weight_share: Some(0.9) }),
            }),
            skip_unchanged: true,
            ..options("docs")
        };
        for expected in [OperationStatus::Indexed, OperationStatus::Unchanged] {
            let results = sidecar.ingest(how.clone(), vec![document(num(1), "a text")]).await;
            assert_eq!(results[0].status(), expected, "{results:?}");
        }
    })
    .await;

    // A Qdrant server with digests of a later release.
    let server = QdrantServer::start();
    let sidecar = Sidecar::start(&["--qdrant-url", &server.url()]).await;
    let skipping = || IngestOptions { skip_unchanged: true, ..options("docs") };
    sidecar.ingest(skipping(), vec![document(num(1), "a text")]).await;
    let store = QdrantStore::new(default_config(&server.url())).unwrap();
    let later = Point {
        id: PointId::Num(1),
        sparse: SparseVector::new(vec![1], vec![1.0]).unwrap(),
        dense: BTreeMap::new(),
        payload: [("_splade_digest".to_owned(), json!("2:00112233445566778899aabbccddeeff"))].into_iter().collect(),
    };
    store.upsert("docs", "splade", &[later]).await.unwrap();
    for expected in [OperationStatus::Indexed, OperationStatus::Unchanged] {
        let results = sidecar.ingest(skipping(), vec![document(num(1), "a text")]).await;
        assert_eq!(results[0].status(), expected, "{results:?}");
    }
    sidecar.stop_drained().await;
}

/// A fingerprint of an unknown version is refused with a remedy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fingerprint_of_an_unknown_version_is_refused() {
    let server = QdrantServer::start();
    let store = QdrantStore::new(default_config(&server.url())).unwrap();
    let spec = spec("3:00112233");
    store.create_collection("docs", &spec).await.unwrap();
    let sidecar = Sidecar::start(&["--qdrant-url", &server.url()]).await;
    let request =
        SearchRequest { collection: "docs".to_owned(), query: Some(text_query("a text")), ..SearchRequest::default() };
    let failure = Failure::from(sidecar.index_client().await.search(request.clone()).await.unwrap_err());
    assert_eq!((failure.code, failure.reason.as_str()), (Code::FailedPrecondition, "FINGERPRINT_MISMATCH"));
    assert!(failure.message.contains("3:00112233") && failure.message.contains("a later one"), "{failure:?}");
    let anyway = SearchRequest { ignore_fingerprint: true, ..request };
    sidecar.index_client().await.search(anyway).await.unwrap();
    sidecar.stop_drained().await;
}

fn spec(fingerprint: &str) -> CollectionSpec {
    CollectionSpec {
        vector_name: "splade".to_owned(),
        on_disk_index: false,
        datatype: Datatype::Float32,
        dense: BTreeMap::new(),
        model: "bert-random-tied".to_owned(),
        fingerprint: Some(Fingerprint(fingerprint.to_owned())),
        dtype: String::new(),
        incarnation: String::new(),
        sharding: Sharding::single(),
    }
}

/// Fingerprint of `bert-random-sum` in the build of 2026-11-30, for any values of the keys that it ignored.
const SUM: &str = "dcab962761db5cb155f7b89b4d24e664730c67fd0aa0e544905924496e8387ef";

/// Copies a small random model with changed values in its JSON files.
fn model_with(base: &str, changes: &[(&str, &str, Value)]) -> TempDir {
    let copy = TempDir::new().unwrap();
    copy_dir(&model_dir(base), copy.path());
    for (file, pointer, value) in changes {
        let path = copy.path().join(file);
        let mut json: Value = fs::read(&path).map_or(json!({}), |bytes| serde_json::from_slice(&bytes).unwrap());
        json[*pointer] = value.clone();
        fs::write(path, json.to_string()).unwrap();
    }
    copy
}

/// Computes the version 1 fingerprint of `bert-random-tied` as specified in docs/adr/0002-persisted-identities.md.
fn version_1_of(directory: &Path) -> String {
    let mut hash = Sha256::new();
    for file in ["config.json", "tokenizer.json", "model.safetensors"] {
        let bytes = fs::read(directory.join(file)).unwrap();
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    hash.update("Max Relu false 128");
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Golden fingerprints of the build of 2026-11-30, and the key that it ignored in each.
#[test]
fn version_1_is_accepted_only_where_the_keys_that_it_ignored_change_nothing() {
    const SENTENCE: &str = "config_sentence_transformers.json";
    const MODULE: &str = "sentence_bert_config.json";
    const TOKENIZER: &str = "tokenizer_config.json";
    const TIED: &str = "8779451c11f5617884814127b2fcbe84268951709bf950fe0b5cd82678f7f450";
    const ROBERTA: &str = "53ae28a5a739a8f5fc64430bc7a46af9c1bcffb84ffdb546c3f40887c0ad6666";
    let prompts = json!({ "query": "query: ", "document": "" });
    let neutral = [
        ("bert-random-tied", TIED, None),
        ("bert-random-sum", SUM, None),
        ("roberta-random-tied", ROBERTA, None),
        ("bert-random-sum", SUM, Some((TOKENIZER, "do_lower_case", json!(true)))),
        ("bert-random-sum", SUM, Some((SENTENCE, "prompts", json!({ "query": "", "document": null, "other": "x" })))),
        ("bert-random-sum", SUM, Some((MODULE, "query_length", json!(48)))),
    ];
    for (base, version_1, change) in neutral {
        let copy = model_with(base, change.as_slice());
        let model = Model::load(base, copy.path(), &Backend::default()).unwrap();
        let stored = Fingerprint(version_1.to_owned());
        assert_eq!(model.compare_fingerprint(&stored), FingerprintMatch::Same, "{base}: {change:?}");
        assert_eq!(model.digest_fingerprint(), &stored, "documents stay unchanged");
        if (base, change.is_none()) == ("bert-random-tied", true) {
            assert_eq!(version_1_of(copy.path()), version_1);
        }
    }
    for (base, version_1, file, key, value) in [
        ("bert-random-sum", SUM, SENTENCE, "max_active_dims", json!(16)),
        ("bert-random-sum", SUM, SENTENCE, "prompts", prompts),
        ("bert-random-sum", SUM, MODULE, "query_length", json!(8)),
        ("bert-random-sum", SUM, MODULE, "document_length", json!(8)),
        ("bert-random-sum", SUM, MODULE, "tokenizer_args", json!({ "model_max_length": 16 })),
        ("bert-random-sum", SUM, MODULE, "processing_kwargs", json!({ "text": { "max_length": 16 } })),
        ("bert-random-sum", SUM, TOKENIZER, "do_lower_case", json!(false)),
        ("bert-random-sum", SUM, TOKENIZER, "strip_accents", json!(false)),
        ("bert-random-sum", SUM, TOKENIZER, "tokenize_chinese_chars", json!(false)),
        ("bert-random-sum", SUM, TOKENIZER, "truncation_side", json!("left")),
        ("bert-random-sum", SUM, TOKENIZER, "split_special_tokens", json!(true)),
        ("roberta-random-tied", ROBERTA, TOKENIZER, "add_prefix_space", json!(true)),
        // That of a changed tokenizer.json is computed below.
        ("bert-random-tied", "", "tokenizer.json", "post_processor", json!(null)),
    ] {
        let copy = model_with(base, &[(file, key, value)]);
        let model = Model::load(base, copy.path(), &Backend::default()).unwrap();
        let version_1 = if version_1.is_empty() { version_1_of(copy.path()) } else { version_1.to_owned() };
        let stored = Fingerprint(version_1);
        let FingerprintMatch::KeysIgnored(keys) = model.compare_fingerprint(&stored) else {
            panic!("{key} is not noticed")
        };
        assert!(keys.iter().any(|ignored| ignored.contains(file) && ignored.contains(key)), "{key}: {keys:?}");
        assert!(model.digest_fingerprint().0.starts_with("2:"), "{key}: documents are rewritten");
    }
}

/// A collection that an earlier build wrote with ignored settings is refused with their names and the remedy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_whose_writer_ignored_settings_is_refused_by_their_names() {
    let server = QdrantServer::start();
    let store = QdrantStore::new(default_config(&server.url())).unwrap();
    store.create_collection("docs", &spec(SUM)).await.unwrap();
    let change = ("config_sentence_transformers.json", "max_active_dims", json!(16));
    let model = model_with("bert-random-sum", &[change]);
    let flag = format!("sum={}", model.path().display());
    let sidecar = Sidecar::start(&["--qdrant-url", &server.url(), "--model", &flag]).await;
    let request =
        SearchRequest { collection: "docs".to_owned(), query: Some(text_query("a text")), ..SearchRequest::default() };
    let failure = Failure::from(sidecar.index_client().await.search(request.clone()).await.unwrap_err());
    assert_eq!((failure.code, failure.reason.as_str()), (Code::FailedPrecondition, "FINGERPRINT_MISMATCH"));
    assert!(failure.message.contains("max_active_dims") && failure.message.contains("reindex"), "{failure:?}");
    assert!(failure.metadata["ignored_keys"].contains("max_active_dims"), "{failure:?}");
    let anyway = SearchRequest { ignore_fingerprint: true, ..request };
    sidecar.index_client().await.search(anyway).await.unwrap();
    sidecar.stop_drained().await;
}

/// Golden fingerprints of version 2: if one changed, a release would refuse collections of earlier releases.
#[test]
fn version_2_is_what_collections_have() {
    for (name, golden) in [
        ("bert-random-tied", "c52d75964a8fbf582b65cb00def81a11cd411b0e406eb0b283afa1503fa55fe5"),
        ("bert-random-sum", "735b4f502f880820a619b9b01e0ce47029b66d957a308c25a9c2f1aa5b0a7691"),
        ("camembert-random-tied", "9152940aed1ce0e1c40f9d7879226f82f7825183d8f5077a5f0b2af3eae10135"),
        ("modernbert-random-tied", "479e37386a0652b0c352c432f5990f85c90639ea281b1affe2c64873f2d751e0"),
        ("router-random-opensearch", "720a9f1784433389a7fe14a624feb7c70341ceb6dd58531652514d4ec8072285"),
        ("router-random-static", "46fe28c1a1e992db3d93682f25770bf961a8be78bf275c7a78a51e972fe0c61a"),
    ] {
        let model = Model::load(name, &model_dir(name), &Backend::default()).unwrap();
        assert_eq!(model.fingerprint, Fingerprint(format!("2:{golden}")), "{name}");
    }
}

/// Invariant: version 2 covers each honored key that is set, and no irrelevant key.
#[test]
fn version_2_covers_what_is_honoured() {
    let of = |changes: &[(&str, &str, Value)]| {
        let copy = model_with("bert-random-sum", changes);
        Model::load("sum", copy.path(), &Backend::default()).unwrap().fingerprint
    };
    let (config, tokenizer, module) = ("config.json", "tokenizer_config.json", "sentence_bert_config.json");
    let sentence = "config_sentence_transformers.json";
    let plain = of(&[]);
    let honoured = [
        (config, "layer_norm_eps", json!(1e-3)),
        (config, "hidden_act", json!("relu")),
        (tokenizer, "strip_accents", json!(false)),
        (tokenizer, "mask_token", json!("the")),
        (tokenizer, "truncation_side", json!("left")),
        ("special_tokens_map.json", "do_lower_case", json!(false)),
        ("added_tokens.json", "the", json!(5)),
        (module, "do_lower_case", json!(true)),
        (module, "query_length", json!(9)),
        (module, "document_length", json!(9)),
        (module, "processing_kwargs", json!({ "text": { "max_length": 9 } })),
        (sentence, "max_active_dims", json!(9)),
        (sentence, "prompts", json!({ "query": "q " })),
        (sentence, "prompts", json!({ "document": "q " })),
        ("1_SpladePooling/config.json", "pooling_strategy", json!("max")),
        ("1_SpladePooling/config.json", "activation_function", json!("log1p_relu")),
    ];
    let mut found = vec![plain.clone()];
    for change in honoured {
        let changed = of(std::slice::from_ref(&change));
        assert!(!found.contains(&changed), "{change:?}");
        found.push(changed);
    }
    for change in [
        (config, "transformers_version", json!("9")),
        (config, "use_cache", json!(false)),
        (tokenizer, "clean_up_tokenization_spaces", json!(true)),
        (sentence, "prompts", json!({ "passage": "q " })),
        ("1_SpladePooling/config.json", "word_embedding_dimension", json!(9)),
    ] {
        assert_eq!(of(std::slice::from_ref(&change)), plain, "{change:?}");
    }
}
