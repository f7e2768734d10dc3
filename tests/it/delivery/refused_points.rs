//! The store refuses one point of a full batch: only this document is rejected, and the other 999 are indexed.

use std::collections::HashMap;
use std::time::Duration;

use prost::Message;
use splade_sidecar::proto::{CollectionOptions, DenseVector, DenseVectorOptions, Document, IngestOptions};
use splade_sidecar::store::{CollectionCatalog, QdrantStore};
use splade_sidecar::types::CollectionSpec;
use tokio::time::Instant;

use super::{fetch_stored, start_remote};
use crate::support::documents::to_payload;
use crate::support::qdrant_server::{Options, QdrantServer};
use crate::support::remote_stores::default_config;
use crate::support::sidecar::Sidecar;
use crate::support::upload::{COLLECTION, ReceivedResults, Upload, doc, docs, id, ingest, options};

const COUNT: u64 = 1_000;
/// The point that is refused.
const ODD: u64 = 777;
const VECTOR: &str = "title";

/// Starts a server whose batches are closed by their number of points only.
async fn start(server: &QdrantServer) -> Sidecar {
    start_remote(server, &["--max-upsert-delay", "60s", "--max-upsert-bytes", "256MiB", "--max-payload-bytes", "16MiB"])
        .await
}

/// Returns all documents, one of them replaced by `odd`.
fn with_odd(odd: Document) -> Vec<Vec<u8>> {
    let odd = Document { id: Some(id(ODD)), text: format!("document {ODD}"), ..odd };
    let mut documents = docs(1..=COUNT);
    documents[ODD as usize - 1] = odd.encode_to_vec();
    documents
}

async fn expect_alone(got: &ReceivedResults, server: &QdrantServer) {
    got.expect_one_each(COUNT as usize);
    assert_eq!(got.rejected().into_iter().collect::<Vec<_>>(), [(ODD, "STORE_REFUSED")]);
    let stored = fetch_stored(server, 1..=COUNT).await;
    assert_eq!((stored.len() as u64, stored.contains(&ODD)), (COUNT - 1, false));
    assert_eq!(server.counters().written as u64, COUNT - 1, "a point was written twice");
}

#[tokio::test]
async fn one_point_refused_by_its_id() {
    let server = QdrantServer::start();
    let sidecar = start(&server).await;
    server.faults().refuse_point(ODD);
    let got = ingest(sidecar.index_client().await, options(), docs(1..=COUNT)).await;
    expect_alone(&got, &server).await;
    let batches = server.counters().batches;
    assert_eq!(batches[0] as u64, COUNT);
    // Bisection finds one point among a thousand in ten steps of two upserts each.
    assert!(batches.len() <= 25, "{batches:?}");
}

/// The collection was recreated without one of its vectors while the stream was open.
#[tokio::test]
async fn one_point_refused_for_a_removed_vector() {
    let server = QdrantServer::start();
    let sidecar = start(&server).await;
    let dense = DenseVectorOptions { size: 2, ..Default::default() };
    let collection_options =
        CollectionOptions { dense_vectors: HashMap::from([(VECTOR.to_owned(), dense)]), ..Default::default() };
    let options = IngestOptions { collection_options: Some(collection_options), ..options() };
    let mut upload = Upload::open(sidecar.index_client().await, options).await.unwrap();
    // The first result shows that the stream is open.
    upload.push(vec![doc(0, " ")]).await;
    upload.read_results(1).await;
    let store = QdrantStore::new(default_config(&server.url())).unwrap();
    let spec = store.get_collection(COLLECTION).await.unwrap().unwrap().spec;
    delete_collection(&server).await;
    store.create_collection(COLLECTION, &CollectionSpec { dense: [].into(), ..spec }).await.unwrap();

    let vector = HashMap::from([(VECTOR.to_owned(), DenseVector { values: vec![1.0, 0.0] })]);
    let documents = with_odd(Document { dense_vectors: vector, ..Default::default() });
    upload.push_all([documents]);
    let (got, end) = upload.finish_and_drain().await;
    end.unwrap();
    assert_eq!(got.rejected().into_iter().collect::<Vec<_>>(), [(1, "EMPTY_TEXT"), (ODD + 1, "STORE_REFUSED")]);
    let mut errors = got.results.iter().filter_map(|result| result.error.as_ref());
    assert!(errors.any(|error| error.message.contains(VECTOR)), "{:?}", got.rejected());
    assert_eq!(fetch_stored(&server, 1..=COUNT).await.len() as u64, COUNT - 1);
}

async fn delete_collection(server: &QdrantServer) {
    qdrant_client::Qdrant::from_url(&server.url())
        .skip_compatibility_check()
        .build()
        .unwrap()
        .delete_collection(COLLECTION)
        .await
        .unwrap();
}

/// The payload exceeds the maximum message size of the server; so does the whole batch.
#[tokio::test]
async fn one_point_refused_for_its_size() {
    let server = QdrantServer::start_with(Options { max_message_bytes: Some(1 << 20), ..Options::default() });
    let sidecar = start(&server).await;
    let large = to_payload(serde_json::json!({ "page": "x".repeat(2 << 20) }));
    let documents = with_odd(Document { payload: Some(large), ..Default::default() });
    let got = ingest(sidecar.index_client().await, options(), documents).await;
    expect_alone(&got, &server).await;
    let message = &got.expect_one_each(COUNT as usize)[ODD as usize - 1].error.as_ref().unwrap().message;
    assert!(message.contains("a message is too large; send smaller documents"), "{message}");
}

/// The store fails every upsert with the point: the other documents are indexed before the retry deadline passes.
#[tokio::test]
async fn one_point_on_which_the_store_fails() {
    let server = QdrantServer::start();
    let sidecar = start(&server).await;
    server.faults().break_on_point(ODD);
    let began = Instant::now();
    let got = ingest(sidecar.index_client().await, options(), docs(1..=COUNT)).await;
    expect_alone(&got, &server).await;
    let rejected = got.results.iter().find_map(|result| result.error.as_ref()).unwrap();
    assert!(rejected.message.contains("on this point but accepts others"), "{}", rejected.message);
    assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
}
