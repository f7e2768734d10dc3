//! A store that lost its data: the server can't restore it, but reports the loss to all streams and to the log.

use splade_sidecar::proto::{GetCollectionRequest, IngestOptions, SearchRequest};
use tempfile::TempDir;
use tonic::Code;

use super::{PERMITS, fetch_stored, search_documents, start_remote_process};
use crate::support::failure::Failure;
use crate::support::qdrant_server::QdrantServer;
use crate::support::queries::text_query;
use crate::support::upload::{COLLECTION, Upload, docs, ingest, options};

#[tokio::test(flavor = "multi_thread")]
async fn lost_data_is_reported_and_a_new_stream_recreates_the_collection() {
    let mut store = QdrantServer::start();
    let dir = TempDir::new().unwrap();
    let process = start_remote_process(&dir, &store, &[]).await;
    let mut index = process.index_client().await;
    let mut upload = Upload::open(process.index_client().await, options()).await.unwrap();
    upload.push(docs(1..=100)).await;
    upload.read_results(100).await;
    assert_eq!(upload.received.indexed().len(), 100);

    store.restart_empty();
    upload.push(docs(101..=200)).await;
    upload.read_results(200).await;
    // The documents are valid, but sending them again only helps after an operator has acted.
    assert_eq!((upload.received.failed().len(), upload.received.durable_through), (100, 100));
    for result in upload.received.results.iter().filter_map(|result| result.error.as_ref()) {
        assert_eq!((result.code, result.reason.as_str()), (Code::NotFound as i32, "COLLECTION_NOT_FOUND"));
        assert_eq!(result.retry_delay, None);
        for part in
            ["`docs`", "possibly with all confirmed documents", "ingest all documents again with create_collection"]
        {
            assert!(result.message.contains(part), "{}", result.message);
        }
    }
    let line = process.wait_for_log("collection missing from the store").await;
    assert!(line.contains(COLLECTION), "{line}");

    // Cached information about the collection does not hide the loss.
    let collection = || COLLECTION.to_owned();
    let described = index.get_collection(GetCollectionRequest { collection: collection() }).await;
    let query = Some(text_query("document"));
    let searched = index.search(SearchRequest { collection: collection(), query, ..Default::default() }).await;
    for status in [described.map(drop).unwrap_err(), searched.map(drop).unwrap_err()] {
        let failure = Failure::from(status);
        assert_eq!((failure.code, failure.reason.as_str()), (Code::NotFound, "COLLECTION_NOT_FOUND"));
    }
    let uncreated = IngestOptions { create_collection: false, ..options() };
    let mut without = Upload::open(process.index_client().await, uncreated).await.unwrap();
    without.push(docs(1..=10)).await;
    assert_eq!(Failure::from(without.read().await.unwrap_err()).reason, "COLLECTION_NOT_FOUND");

    let got = ingest(process.index_client().await, options(), docs(1..=200)).await;
    assert_eq!(got.indexed().len(), 200);
    assert_eq!(fetch_stored(&store, 1..=200).await.len(), 200);
    assert_eq!(search_documents(*process, &(1..=200).collect()).await.len(), 200);
    upload.finish_and_drain().await.1.unwrap();
    process.wait_samples(|samples| samples.get(PERMITS) == 0.0).await;
}
