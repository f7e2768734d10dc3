//! A server that starts on the store of a previous one.

use std::path::Path;

use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::{ExplainRequest, UpsertRequest};
use tonic::Code;

use super::collections::{get, sparse};
use super::{assert_indexed, by_text, search};
use crate::support::documents::{
    build_messages, document, encode_documents, key, num, number_documents, options, sample_texts,
};
use crate::support::failure::Failure;
use crate::support::models::{load_random_model, model_dir};
use crate::support::qdrant_server::QdrantServer;
use crate::support::queries::text_query;
use crate::support::sidecar::{MODEL, Sidecar};

const OTHER_MODEL: &str = "bert-random-untied";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_still_searchable() {
    let sidecar = Sidecar::start(&[]).await;
    let mut documents = number_documents(&sample_texts(60));
    documents.push(document(key("a key"), "the moon"));
    assert_indexed(&sidecar.ingest(options("docs"), documents).await);
    let before = (get(&sidecar, "docs").await, search(&sidecar, by_text("docs", "the moon")).await);
    assert_eq!((before.0.point_count, before.1.len()), (61, 61));
    let (_, dir) = sidecar.stop().await;

    let sidecar = Sidecar::start_in(dir, &[]).await;
    sidecar.wait_serving().await;
    let after = (get(&sidecar, "docs").await, search(&sidecar, by_text("docs", "the moon")).await);
    assert_eq!(after, before);
    assert_indexed(&sidecar.ingest(options("docs"), vec![document(num(1), "the sea")]).await);
    assert_eq!(get(&sidecar, "docs").await.point_count, 61);
    sidecar.stop_drained().await;
}

/// Asserts that a call is refused because another model wrote the collection, and that the error names this model.
#[track_caller]
fn assert_mismatch(outcome: Result<impl std::fmt::Debug, tonic::Status>, field: &str) {
    let failure = Failure::from(outcome.unwrap_err());
    assert_eq!((failure.code, failure.reason.as_str()), (Code::FailedPrecondition, "FINGERPRINT_MISMATCH"));
    assert_eq!(failure.fields, [field]);
    for name in [MODEL, OTHER_MODEL] {
        assert!(failure.message.contains(&format!("`{name}`")), "{}", failure.message);
        assert!(failure.message.contains(&load_random_model(name).fingerprint.0), "{}", failure.message);
    }
    assert!(failure.message.contains("; use the model that wrote it"), "{}", failure.message);
    for (key, expected) in [
        ("collection", "docs"),
        ("collection_model", MODEL),
        ("collection_fingerprint", load_random_model(MODEL).fingerprint.0.as_str()),
        ("model", OTHER_MODEL),
        ("model_fingerprint", load_random_model(OTHER_MODEL).fingerprint.0.as_str()),
    ] {
        assert_eq!(failure.metadata.get(key).map(String::as_str), Some(expected), "{key}");
    }
}

async fn is_refused_by_another_model(sidecar: &Sidecar) {
    let mut index = sidecar.index_client().await;
    assert_mismatch(index.search(by_text("docs", "the moon")).await, "model");
    let document = Some(Explained::DocumentId(num(1)));
    let (collection, query) = ("docs".to_owned(), Some(text_query("the moon")));
    let explain = ExplainRequest { collection, query, document, ..Default::default() };
    assert_mismatch(index.explain(explain).await, "model");
    let documents = encode_documents(number_documents(&sample_texts(3)));
    let upsert = UpsertRequest { options: Some(options("docs")), documents: documents.clone() };
    assert_mismatch(index.upsert(upsert).await, "options.model");
    let ingest = build_messages(options("docs"), documents, 2);
    let mut responses = index.ingest(tokio_stream::iter(ingest)).await.unwrap().into_inner();
    assert_mismatch(responses.message().await, "options.model");

    let collection = get(sidecar, "docs").await;
    assert_eq!((collection.point_count, sparse(&collection).model.as_str()), (5, MODEL));
    // A new collection can be created with the other model.
    assert_indexed(&sidecar.ingest(options("other"), number_documents(&sample_texts(3))).await);
}

fn model_flags(model: &Path) -> [&str; 2] {
    ["--model", model.to_str().unwrap()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_model_is_refused_on_the_embedded_store() {
    let sidecar = Sidecar::start(&[]).await;
    assert_indexed(&sidecar.ingest(options("docs"), number_documents(&sample_texts(5))).await);
    let (_, store) = sidecar.stop().await;
    let sidecar = Sidecar::start_in(store, &model_flags(&model_dir(OTHER_MODEL))).await;
    sidecar.wait_serving().await;
    is_refused_by_another_model(&sidecar).await;
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_model_is_refused_on_a_qdrant_server() {
    let qdrant = QdrantServer::start();
    let url = qdrant.url();
    let sidecar = Sidecar::start(&["--qdrant-url", &url]).await;
    assert_indexed(&sidecar.ingest(options("docs"), number_documents(&sample_texts(5))).await);
    let model = model_dir(OTHER_MODEL);
    let flags = [&["--qdrant-url", url.as_str()], &model_flags(&model)[..]].concat();
    sidecar.stop_drained().await;
    let sidecar = Sidecar::start(&flags).await;
    is_refused_by_another_model(&sidecar).await;
    sidecar.stop_drained().await;
}
