//! Termination of the process: by SIGTERM and by SIGKILL.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use splade_sidecar::proto::{EncodeRequest, IngestOptions};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tonic::{Code, Status};

use super::{fetch_stored, search_documents, start_remote_process};
use crate::support::endpoint::Endpoint;
use crate::support::process::Process;
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::upload::{COLLECTION, Upload, docs, options};

fn small_batches() -> IngestOptions {
    IngestOptions { batch_points: 20, ..options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_and_ends_with_status_0() {
    let server = QdrantServer::start();
    server.faults().delay_upserts(Duration::from_millis(200));
    let dir = TempDir::new().unwrap();
    let process = start_remote_process(&dir, &server, &["--max-in-flight-documents", "200"]).await;
    let mut upload = Upload::open(process.index_client().await, small_batches()).await.unwrap();
    upload.push_all((1..=50_000).map(|number| docs([number])));
    upload.read_results(40).await;
    process.terminate();
    let (got, end) = upload.finish_and_drain().await;
    assert_eq!(end.unwrap_err().code(), Code::Unavailable);
    let read = got.results.len();
    got.expect_one_each(read);
    assert_eq!(got.indexed().len(), read);
    assert_eq!(fetch_stored(&server, 1..=read as u64).await.len(), read);
    assert_eq!(process.wait().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_takes_too_long_ends_with_status_1() {
    let server = QdrantServer::start();
    let dir = TempDir::new().unwrap();
    let process = start_remote_process(&dir, &server, &["--drain-deadline", "1s"]).await;
    server.faults().hang(&[Call::Upsert]);
    let mut upload = Upload::open(process.index_client().await, options()).await.unwrap();
    upload.push_all([docs(1..=100)]);
    server.wait_until(|counters| counters.in_flight == 1).await;
    process.terminate();
    let (got, end) = upload.finish_and_drain().await;
    end.unwrap_err();
    assert_eq!(got.durable_through, 0);
    assert_eq!(process.wait().await.code(), Some(1));
}

/// Documents reported as INDEXED before a kill are stored at the next start, and sending the rest completes the
/// collection.
#[tokio::test(flavor = "multi_thread")]
async fn sigkill_loses_no_reported_document() {
    const COUNT: u64 = 2_000;
    let dir = TempDir::new().unwrap();
    let process = start(dir.path()).await;
    let mut upload = Upload::open(process.index_client().await, small_batches()).await.unwrap();
    upload.push_all((1..=COUNT).map(|number| docs([number])));
    upload.read_results(200).await;
    process.kill().await;
    let (got, end) = upload.finish_and_drain().await;
    end.unwrap_err();
    let indexed = got.indexed();
    assert!((200..COUNT).contains(&(indexed.len() as u64)), "{} were indexed", indexed.len());

    let process = start(dir.path()).await;
    let indexed: BTreeSet<u64> = indexed.into_iter().collect();
    assert!(
        search_documents(*process, &indexed).await.keys().eq(&indexed),
        "a document that was reported as INDEXED is missing"
    );
    let resumed = IngestOptions { first_sequence: got.durable_through + 1, ..small_batches() };
    let mut upload = Upload::open(process.index_client().await, resumed).await.unwrap();
    upload.push_all([docs(got.durable_through + 1..=COUNT)]);
    let (rest, end) = upload.finish_and_drain().await;
    end.unwrap();
    assert_eq!(rest.indexed().len() as u64, COUNT - got.durable_through);
    assert_eq!(rest.durable_through, COUNT);
    assert_eq!(process.point_count(COLLECTION).await, COUNT);
    assert_eq!(search_documents(*process, &(1..=COUNT).collect()).await.len() as u64, COUNT);
    process.terminate();
    assert_eq!(process.wait().await.code(), Some(0));
}

/// Starts a server with the embedded store of a directory.
async fn start(dir: &Path) -> Process {
    Process::start(dir, &[]).await
}

/// Number of concurrent streams, and the distance between the first document numbers of two streams.
const STREAMS: u64 = 8;
const EACH: u64 = 100_000;

/// Opens streams with more documents than can be read before the end, and waits for the first results of each.
async fn full_load(process: &Process) -> Vec<Upload> {
    let mut uploads = Vec::new();
    for stream in 0..STREAMS {
        let mut upload = Upload::open(process.index_client().await, small_batches()).await.unwrap();
        let numbers = stream * EACH + 1..stream * EACH + 20_000;
        upload.push_all(numbers.step_by(10).map(|first| docs(first..first + 10)));
        uploads.push(upload);
    }
    for upload in &mut uploads {
        upload.read_results(20).await;
    }
    uploads
}

/// Encodes texts in sequential calls until the server refuses one.
async fn query_without_end(server: Endpoint) -> (usize, Status) {
    let mut encoder = server.encoder_client().await;
    let mut answered = 0;
    loop {
        let texts = vec!["boundary layer".to_owned()];
        match encoder.encode(EncodeRequest { texts, ..Default::default() }).await {
            Ok(_) => answered += 1,
            Err(status) => return (answered, status),
        }
    }
}

/// Exactly those documents of each stream that were read are stored and reported.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_full_load_drains() {
    let server = QdrantServer::start();
    server.faults().delay_upserts(Duration::from_millis(200));
    let dir = TempDir::new().unwrap();
    let process = start_remote_process(&dir, &server, &["--max-in-flight-documents", "500"]).await;
    let uploads = full_load(&process).await;
    let queries = tokio::spawn(query_without_end(*process));
    process.terminate();
    let terminated = Instant::now();
    let rests: JoinSet<_> = uploads.into_iter().map(Upload::finish_and_drain).collect();
    let mut read = 0;
    for (got, end) in rests.join_all().await {
        assert_eq!(end.unwrap_err().code(), Code::Unavailable);
        got.expect_one_each(got.results.len());
        assert_eq!(got.indexed().len(), got.results.len(), "{:?} {:?}", got.rejected(), got.failed());
        read += got.results.len();
    }
    assert_eq!(process.wait().await.code(), Some(0));
    println!("{read} documents of {STREAMS} streams; ended {:?} after SIGTERM", terminated.elapsed());
    assert_eq!(server.counters().written, read, "a document was written but not reported");
    let (answered, refusal) = queries.await.unwrap();
    assert_eq!(refusal.code(), Code::Unavailable, "after {answered} answers: {refusal:?}");
}

/// Documents that can't be finished in time are not reported, reported ones are stored, and the exit status shows the
/// incomplete drain.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_while_the_store_hangs() {
    let server = QdrantServer::start();
    server.faults().delay_upserts(Duration::from_millis(200));
    let dir = TempDir::new().unwrap();
    let process =
        start_remote_process(&dir, &server, &["--max-in-flight-documents", "500", "--drain-deadline", "2s"]).await;
    let uploads = full_load(&process).await;
    server.faults().hang(&[Call::Upsert]);
    process.terminate();
    let rests: JoinSet<_> =
        (0..).zip(uploads).map(|(stream, upload)| async move { (stream, upload.finish_and_drain().await) }).collect();
    let status = timeout(Duration::from_secs(60), process.wait()).await.expect("the process exits");
    assert_eq!(status.code(), Some(1));
    for (stream, (got, end)) in rests.join_all().await {
        end.unwrap_err();
        let indexed: Vec<u64> = got.indexed().into_iter().map(|sequence| stream * EACH + sequence).collect();
        assert_eq!(
            fetch_stored(&server, indexed.iter().copied()).await.len(),
            indexed.len(),
            "a reported document is not stored"
        );
    }
}
