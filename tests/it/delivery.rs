//! What is promised about delivery, each promise on real sockets: DESIGN's 1 to 6.

mod bounds;
mod cancelling;
mod memory;
mod outages;
mod process;
mod queries;
mod results;
mod shutdown;

use std::collections::BTreeSet;

use splade_sidecar::store::{QdrantStore, VectorStore};
use splade_sidecar::types::{DocumentId, PointId};
use tempfile::TempDir;

use crate::support::process::Process;
use crate::support::qdrant_server::QdrantServer;
use crate::support::remote_stores::config;
use crate::support::sidecar::Sidecar;
use crate::support::upload::COLLECTION;

/// Documents that hold a permit.
const PERMITS: &str = "splade_permits_held";
/// Documents that were read from streams of documents.
const RECEIVED: &str = "splade_documents_received_total{call=\"ingest\"}";

/// A server that writes to a Qdrant server, with these flags beside.
async fn remote(store: &QdrantServer, flags: &[&str]) -> Sidecar {
    let url = store.url();
    let mut all = vec!["--qdrant-url", url.as_str()];
    all.extend(flags);
    Sidecar::start(&all).await
}

/// The same in a process of its own, whose metrics nobody else moves.
async fn remote_process(folder: &TempDir, store: &QdrantServer, flags: &[&str]) -> Process {
    let url = store.url();
    let mut all = vec!["--qdrant-url", url.as_str()];
    all.extend(flags);
    Process::start(folder.path(), &all).await
}

/// Which of these documents the store itself has.
async fn stored(store: &QdrantServer, numbers: impl IntoIterator<Item = u64>) -> BTreeSet<u64> {
    let client = QdrantStore::new(config(&store.url())).unwrap();
    let ids: Vec<PointId> = numbers.into_iter().map(PointId::Num).collect();
    let found = client.retrieve(COLLECTION, "splade", &ids).await.unwrap();
    let numbers = found.into_iter().map(|point| match point.id {
        DocumentId::Num(number) => number,
        other => panic!("no document of these tests has the id {other:?}"),
    });
    numbers.collect()
}
