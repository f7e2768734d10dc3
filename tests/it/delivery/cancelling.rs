//! Work of cancelled calls is dropped before it is encoded.

use std::time::Duration;

use splade_sidecar::proto::IngestOptions;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use tempfile::TempDir;
use tonic::Code;
use tonic_types::StatusExt;

use super::{PERMITS, fetch_stored, start_remote_process};
use crate::support::endpoint::{Samples, connect};
use crate::support::process::Process;
use crate::support::proxy::Proxy;
use crate::support::qdrant_server::QdrantServer;
use crate::support::upload::{ReceivedResults, Upload, doc, docs, ingest, options};

const TOKENS: &str = "splade_tokens_total";
const QUEUED: &str = "splade_queue_depth{lane=\"bulk\"}";
const CANCELLED: &str = "splade_documents_rejected_total{reason=\"CANCELLED\"}";

/// Number of queued documents of 128 tokens each: more than can be encoded before the client has disconnected.
const COUNT: usize = 8_000;
const TOKENS_EACH: f64 = 128.0;

/// Starts a server with one encoder thread whose lane holds all documents, and creates a collection.
async fn start(server: &QdrantServer) -> (TempDir, Process) {
    let dir = TempDir::new().unwrap();
    let process = start_remote_process(&dir, server, &["--threads", "1", "--max-queued-texts", "8192"]).await;
    ingest(process.index_client().await, options(), docs([0])).await;
    (dir, process)
}

fn long_documents() -> Vec<Vec<u8>> {
    let text = "wing ".repeat(200);
    (1..=COUNT as u64).map(|number| doc(number, &text)).collect()
}

fn small_batches() -> IngestOptions {
    IngestOptions { batch_points: 20, ..options() }
}

/// Waits until no document is in flight, and checks that most of them were not encoded and that encoding has stopped.
async fn expect_dropped(process: &Process) {
    let idle = |samples: &Samples| samples.get(PERMITS) == 0.0 && samples.get(QUEUED) == 0.0;
    let samples = process.wait_samples(idle).await;
    let tokens = samples.get(TOKENS);
    assert!(tokens < COUNT as f64 * TOKENS_EACH / 2.0, "{tokens} tokens were encoded");
    assert!(samples.get(CANCELLED) > COUNT as f64 / 2.0, "{samples:?}");
    assert_eq!(samples.get("splade_streams_open{call=\"ingest\"}"), 0.0);
    // The document of another client passes through the encoder thread after everything that was queued.
    let got = ingest(process.index_client().await, options(), vec![doc(0, "wing")]).await;
    assert_eq!(got.indexed(), [1]);
    assert!(process.samples().await.get(TOKENS) - tokens < TOKENS_EACH);
}

/// Checks that every document reported as INDEXED is stored.
async fn expect_stored(server: &QdrantServer, got: &ReceivedResults) {
    let indexed = got.indexed();
    assert!(!indexed.is_empty());
    assert_eq!(fetch_stored(server, indexed.iter().copied()).await.len(), indexed.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_cancels() {
    let server = QdrantServer::start();
    let (_dir, process) = start(&server).await;
    let mut upload = Upload::open(process.index_client().await, small_batches()).await.unwrap();
    upload.push_all([long_documents()]);
    upload.read_results(1).await;
    // Dropping the response stream resets the call.
    let got = std::mem::take(&mut upload.received);
    drop(upload);
    expect_dropped(&process).await;
    expect_stored(&server, &got).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passes() {
    let server = QdrantServer::start();
    let (_dir, process) = start(&server).await;
    let limit = Duration::from_secs(1);
    let opened =
        Upload::open_with(process.index_client().await, small_batches(), |request| request.set_timeout(limit)).await;
    let mut upload = opened.unwrap();
    upload.push_all([long_documents()]);
    let (got, end) = upload.finish_and_drain().await;
    let status = end.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    assert_eq!(status.get_details_error_info().unwrap().reason, "CANCELLED");
    expect_dropped(&process).await;
    expect_stored(&server, &got).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes() {
    let server = QdrantServer::start();
    let (_dir, process) = start(&server).await;
    let wire = Proxy::start(process.address).await;
    let client = IndexServiceClient::new(connect(wire.address).await);
    let mut upload = Upload::open(client, small_batches()).await.unwrap();
    upload.push_all([long_documents()]);
    upload.read_results(20).await;
    wire.disconnect_all();
    let (got, end) = upload.finish_and_drain().await;
    end.unwrap_err();
    expect_dropped(&process).await;
    expect_stored(&server, &got).await;
}
