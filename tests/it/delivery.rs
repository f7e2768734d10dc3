//! Delivery guarantees of docs/streams.md, on real sockets, under the faults of docs/reliability.md.

mod abuse;
mod bounds;
mod cancelling;
mod cluster;
#[cfg(feature = "embedded")]
mod disk;
mod emptied_store;
mod kills;
mod memory;
mod network;
mod order;
mod outages;
mod process;
mod queries;
mod refused_points;
mod results;
mod shutdown;
mod stalled;
#[cfg(feature = "embedded")]
mod syncs;

use std::collections::{BTreeMap, BTreeSet};

use prost_types::value::Kind as ValueKind;
use splade_sidecar::proto::{Hit, SearchRequest, document_id};
use splade_sidecar::store::{PointReader, QdrantStore, WithVectors};
use splade_sidecar::types::{DocumentId, PointId};
use tempfile::TempDir;

use crate::support::endpoint::Endpoint;
use crate::support::process::Process;
use crate::support::qdrant_server::QdrantServer;
use crate::support::queries::{id_filter, text_query};
use crate::support::remote_stores::default_config;
use crate::support::sidecar::Sidecar;
use crate::support::upload::{COLLECTION, id};

/// Number of documents that hold a permit.
const PERMITS: &str = "splade_permits_held";
/// Number of open `Ingest` streams.
const STREAMS: &str = "splade_streams_open{call=\"ingest\"}";
/// Number of documents received on `Ingest` streams.
const RECEIVED: &str = "splade_documents_received_total{call=\"ingest\"}";

/// Starts a server on a Qdrant server, with additional flags.
async fn start_remote(store: &QdrantServer, flags: &[&str]) -> Sidecar {
    let url = store.url();
    let mut all = vec!["--qdrant-url", url.as_str()];
    all.extend(flags);
    Sidecar::start(&all).await
}

/// Like [`start_remote`], as a separate process, whose metrics no other test changes.
async fn start_remote_process(dir: &TempDir, store: &QdrantServer, flags: &[&str]) -> Process {
    start_remote_process_at(dir, &store.url(), flags).await
}

/// Like [`start_remote_process`], through a proxy at `url`.
async fn start_remote_process_at(dir: &TempDir, url: &str, flags: &[&str]) -> Process {
    Process::start(dir.path(), &[&["--qdrant-url", url], flags].concat()).await
}

/// Returns which of these documents are in the store.
async fn fetch_stored(store: &QdrantServer, numbers: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
    let client = QdrantStore::new(default_config(&store.url())).unwrap();
    let ids: Vec<PointId> = numbers.into_iter().map(PointId::Num).collect();
    let found = client.retrieve(COLLECTION, &ids, &WithVectors::sparse("splade")).await.unwrap();
    let numbers = found.into_iter().map(|point| match point.id {
        DocumentId::Num(number) => number,
        other => panic!("unexpected id {other:?}"),
    });
    numbers.collect()
}

/// Returns the texts of these documents that a search finds, and asserts that each is found once.
async fn search_documents(server: Endpoint, numbers: &BTreeSet<u64>) -> BTreeMap<u64, String> {
    let mut index = server.index_client().await;
    let mut found = BTreeMap::new();
    let numbers: Vec<u64> = numbers.iter().copied().collect();
    for numbers in numbers.chunks(1_000) {
        let ids = numbers.iter().copied().map(id).collect();
        let request = SearchRequest {
            collection: COLLECTION.to_owned(),
            query: Some(text_query("document")),
            filter: Some(id_filter(ids)),
            limit: 1_000,
            ..Default::default()
        };
        for (number, text) in index.search(request).await.unwrap().into_inner().hits.into_iter().map(read) {
            assert_eq!(found.insert(number, text), None, "document {number} was found twice");
        }
    }
    found
}

/// Returns the number and the text of a hit.
fn read(hit: Hit) -> (u64, String) {
    let document = hit.document.unwrap();
    let number = match document.id.unwrap().kind {
        Some(document_id::Kind::Num(number)) => number,
        other => panic!("unexpected id {other:?}"),
    };
    let text = document.payload.unwrap().fields.remove("text").unwrap();
    let Some(ValueKind::StringValue(text)) = text.kind else { panic!("the text of {number} is {text:?}") };
    (number, text)
}
