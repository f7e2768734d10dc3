//! Limits on client requests, each with its flag.

use std::time::Duration;

use prost_types::Struct;
use serde_json::json;
use splade_sidecar::proto::{
    CollectionOptions, DenseVector, DenseVectorOptions, Document, EncodeStreamRequest, IngestOptions, OperationStatus,
};
use tokio::time::timeout;
use tonic::Code;

use super::TIMEOUT;
use crate::support::documents::{document, key, num, options, to_payload};
use crate::support::failure::Failure;
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::sidecar::Sidecar;
use crate::support::upload::{Upload, docs};

fn with_payload(fields: Struct) -> Document {
    Document { payload: Some(fields), ..document(num(1), "the moon") }
}

fn with_dense(image: usize, sound: usize) -> Document {
    let vector = |size| DenseVector { values: vec![0.5; size] };
    let dense_vectors = [("image".to_owned(), vector(image)), ("sound".to_owned(), vector(sound))].into();
    Document { dense_vectors, ..document(num(2), "the moon") }
}

fn dense_options() -> IngestOptions {
    let vectors = ["image", "sound"].map(|name| (name.to_owned(), DenseVectorOptions { size: 3, distance: 0 }));
    let dense = CollectionOptions { dense_vectors: vectors.into(), ..Default::default() };
    IngestOptions { collection_options: Some(dense), ..options("docs") }
}

/// A document at the limit is accepted; only the one over it is rejected, with the field and the flag to raise.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_limited() {
    let flags = ["--max-payload-bytes", "64B", "--max-payload-depth", "2", "--max-id-bytes", "8"];
    let sidecar = Sidecar::start(&[&flags[..], &["--max-dense-dimensions", "6"]].concat()).await;
    // The payload is `{"a":"…"}` as JSON.
    let fields = |bytes: usize| to_payload(json!({ "a": "x".repeat(bytes - 8) }));
    let cases = [
        (with_payload(fields(64)), with_payload(fields(65)), "INVALID_ARGUMENT", "payload", "--max-payload-bytes"),
        (
            with_payload(to_payload(json!({ "a": { "b": 1 } }))),
            with_payload(to_payload(json!({ "a": { "b": [1] } }))),
            "INVALID_ARGUMENT",
            "payload.a.b",
            "--max-payload-depth",
        ),
        (with_dense(3, 3), with_dense(3, 4), "INVALID_VECTOR", "dense_vectors", "--max-dense-dimensions"),
        (
            document(key("12345678"), "the moon"),
            document(key("123456789"), "the moon"),
            "INVALID_ARGUMENT",
            "id.key",
            "--max-id-bytes",
        ),
    ];
    for (good, bad, reason, field, flag) in cases {
        let results = sidecar.ingest(dense_options(), vec![bad, good]).await;
        let error = results[0].error.as_ref().unwrap_or_else(|| panic!("{field} was not rejected"));
        assert_eq!((error.reason.as_str(), error.field.as_str()), (reason, field), "{}", error.message);
        let (_, remedy) = error.message.split_once("; ").unwrap_or_default();
        assert!(remedy.contains(flag), "{}", error.message);
        assert_eq!(results[1].status(), OperationStatus::Indexed, "{field}: {:?}", results[1]);
    }
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_streams_are_limited() {
    let sidecar = Sidecar::start(&["--max-streams", "2"]).await;
    // The limit covers both kinds of streams on all connections.
    let first = Upload::open(sidecar.index_client().await, options("docs")).await.unwrap();
    let (requests, receiver) = tokio::sync::mpsc::channel(1);
    requests.send(EncodeStreamRequest::default()).await.unwrap();
    let second =
        sidecar.encoder_client().await.encode_stream(tokio_stream::wrappers::ReceiverStream::new(receiver)).await;
    let second = second.unwrap();
    let refused =
        Upload::open(sidecar.index_client().await, options("docs")).await.err().expect("three streams are open");
    let failure = Failure::from(refused);
    assert_eq!((failure.code, failure.reason.as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    assert!(failure.message.contains("; retry after the delay in RetryInfo, or raise --max-streams"), "{failure:?}");
    assert_eq!(failure.retry_after, Some(Duration::from_secs(1)));
    let (_, ended) = first.finish_and_drain().await;
    ended.unwrap();
    let (_, ended) =
        Upload::open(sidecar.index_client().await, options("docs")).await.unwrap().finish_and_drain().await;
    ended.unwrap();
    drop((requests, second));
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_streams_are_closed() {
    let server = QdrantServer::start();
    let url = server.url();
    let sidecar =
        Sidecar::start(&["--qdrant-url", &url, "--qdrant-timeout", "3s", "--stream-idle-timeout", "300ms"]).await;
    // A stream that sends only its options.
    let mut silent = Upload::open(sidecar.index_client().await, options("docs")).await.unwrap();
    let ended = timeout(TIMEOUT, silent.read()).await.unwrap().unwrap_err();
    let failure = Failure::from(ended);
    assert_eq!((failure.code, failure.reason.as_str()), (Code::Unavailable, "STREAM_IDLE"));
    assert!(failure.retry_after.is_some(), "{failure:?}");
    assert!(failure.message.contains("; open another stream") && failure.message.contains("--stream-idle-timeout"));

    // A stream that waits for the store is not idle; its timeout starts when the store has answered.
    server.faults().hang(&[Call::Upsert]);
    let mut waiting = Upload::open(sidecar.index_client().await, options("docs")).await.unwrap();
    assert!(waiting.push(docs([1])).await);
    server.wait_until(|counters| counters.in_flight == 1).await;
    timeout(Duration::from_secs(1), waiting.read()).await.expect_err("a stream that waits for the store is ended");
    server.faults().clear();
    waiting.read_results(1).await;
    assert_eq!(waiting.received.durable_through, 1);
    let ended = timeout(TIMEOUT, waiting.read()).await.unwrap().unwrap_err();
    assert_eq!(Failure::from(ended).reason, "STREAM_IDLE");
    sidecar.stop_drained().await;
}
