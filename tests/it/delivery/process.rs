//! The end of the process itself: by a signal, in order and not.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use splade_sidecar::proto::condition::Kind;
use splade_sidecar::proto::document_id;
use splade_sidecar::proto::search_request::Query;
use splade_sidecar::proto::{Condition, Filter, HasIdCondition, IngestOptions, SearchRequest};
use tempfile::TempDir;
use tonic::Code;

use super::{remote_process, stored};
use crate::support::endpoint::Endpoint;
use crate::support::process::Process;
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::upload::{COLLECTION, Upload, docs, id, options};

fn small_batches() -> IngestOptions {
    IngestOptions { batch_points: 20, ..options() }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_drains_and_ends_with_status_0() {
    let server = QdrantServer::start();
    server.faults().delay_upserts(Duration::from_millis(200));
    let folder = TempDir::new().unwrap();
    let process = remote_process(&folder, &server, &["--max-documents", "200"]).await;
    let mut upload = Upload::open(process.index().await, small_batches()).await.unwrap();
    upload.push_all((1..=10_000).map(|number| docs([number])));
    upload.read_results(40).await;
    process.terminate();
    let (got, end) = upload.rest().await;
    assert_eq!(end.unwrap_err().code(), Code::Unavailable);
    let read = got.results.len();
    got.one_each(read);
    assert_eq!(got.indexed().len(), read);
    assert_eq!(stored(&server, 1..=read as u64).await.len(), read);
    assert_eq!(process.wait().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_that_takes_too_long_ends_with_status_1() {
    let server = QdrantServer::start();
    let folder = TempDir::new().unwrap();
    let process = remote_process(&folder, &server, &["--drain-deadline", "1s"]).await;
    server.faults().hang(&[Call::Upsert]);
    let mut upload = Upload::open(process.index().await, options()).await.unwrap();
    upload.push_all([docs(1..=100)]);
    server.wait_until(|counters| counters.in_flight == 1).await;
    process.terminate();
    let (got, end) = upload.rest().await;
    end.unwrap_err();
    assert_eq!(got.durable_through, 0);
    assert_eq!(process.wait().await.code(), Some(1));
}

/// What a process that was killed had reported indexed is there when the next one starts, and sending the rest again
/// completes the collection.
#[tokio::test(flavor = "multi_thread")]
async fn sigkill_loses_nothing_that_was_reported() {
    const COUNT: u64 = 2_000;
    let folder = TempDir::new().unwrap();
    let process = start(folder.path()).await;
    let mut upload = Upload::open(process.index().await, small_batches()).await.unwrap();
    upload.push_all((1..=COUNT).map(|number| docs([number])));
    upload.read_results(200).await;
    process.kill().await;
    let (got, end) = upload.rest().await;
    end.unwrap_err();
    let indexed = got.indexed();
    assert!((200..COUNT).contains(&(indexed.len() as u64)), "{} were indexed", indexed.len());

    let process = start(folder.path()).await;
    assert_eq!(found(*process, &indexed).await, indexed.iter().copied().collect());
    let mut upload = Upload::open(process.index().await, small_batches()).await.unwrap();
    upload.push_all([docs(got.durable_through + 1..=COUNT)]);
    let (rest, end) = upload.rest().await;
    end.unwrap();
    assert_eq!(rest.indexed().len() as u64, COUNT - got.durable_through);
    assert_eq!(process.point_count(COLLECTION).await, COUNT);
    let all: Vec<u64> = (1..=COUNT).collect();
    assert_eq!(found(*process, &all).await.len() as u64, COUNT);
    process.terminate();
    assert_eq!(process.wait().await.code(), Some(0));
}

/// On the embedded store of a folder.
async fn start(folder: &Path) -> Process {
    Process::start(folder, &["--store-dir", "store"]).await
}

/// Which of these documents a search finds.
async fn found(server: Endpoint, numbers: &[u64]) -> BTreeSet<u64> {
    let mut index = server.index().await;
    let mut found = BTreeSet::new();
    for numbers in numbers.chunks(1_000) {
        let ids = numbers.iter().copied().map(id).collect();
        let only = Condition { kind: Some(Kind::HasId(HasIdCondition { ids })) };
        let request = SearchRequest {
            collection: COLLECTION.to_owned(),
            query: Some(Query::Text("document".to_owned())),
            filter: Some(Filter { must: vec![only], ..Default::default() }),
            limit: 1_000,
            ..Default::default()
        };
        let hits = index.search(request).await.unwrap().into_inner().hits;
        found.extend(hits.into_iter().map(|hit| match hit.id.unwrap().kind {
            Some(document_id::Kind::Num(number)) => number,
            other => panic!("no document of these tests has the id {other:?}"),
        }));
    }
    found
}
