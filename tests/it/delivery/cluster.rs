//! Behaviour on a Qdrant cluster: shard keys that are created after their collection, and lagging replicas.

use std::collections::BTreeSet;

use splade_sidecar::proto::{CollectionOptions, DeleteRequest, IngestOptions};
use tonic::Status;

use super::{fetch_stored, start_remote};
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::sidecar::Sidecar;
use crate::support::upload::{COLLECTION, ReceivedResults, Upload, docs, id, ingest, options};

const KEY: &str = "tenant-1";

async fn start_with_shard_key(server: &QdrantServer, flags: &[&str]) -> Sidecar {
    start_remote(server, &[&["--qdrant-shard-key", KEY], flags].concat()).await
}

/// Returns options that create the collection with the shard key.
fn options_with_shard_key() -> IngestOptions {
    let shard_keys = vec![KEY.to_owned()];
    let collection_options = CollectionOptions { shard_keys, ..Default::default() };
    IngestOptions { collection_options: Some(collection_options), ..options() }
}

fn options_of_existing() -> IngestOptions {
    IngestOptions { create_collection: false, ..options() }
}

fn assert_indexed(got: &ReceivedResults, count: usize) {
    assert_eq!(got.indexed().len(), count, "{:?} {:?}", got.rejected(), got.failed());
}

/// Clients write between the creation of a collection and of its shard key, through the sidecar that creates both and
/// through another one.
#[tokio::test(flavor = "multi_thread")]
async fn documents_wait_for_the_shard_key_of_a_new_collection() {
    let server = QdrantServer::start();
    let sidecars = [start_with_shard_key(&server, &[]).await, start_with_shard_key(&server, &[]).await];
    server.faults().hold_shard_keys();
    let creator = tokio::spawn(ingest(sidecars[0].index_client().await, options_with_shard_key(), docs(1..=10)));
    server.wait_until(|counters| counters.calls(Call::ShardKeys) == 1).await;
    let mut between = Vec::new();
    for (sidecar, options, first) in [
        (&sidecars[0], options_of_existing(), 101),
        (&sidecars[1], options_of_existing(), 201),
        (&sidecars[1], IngestOptions { skip_unchanged: true, ..options_of_existing() }, 301),
        (&sidecars[1], options_with_shard_key(), 401),
    ] {
        between.push(tokio::spawn(ingest(sidecar.index_client().await, options, docs(first..first + 10))));
    }
    // The last call creates the key too; the others are refused at least once.
    server
        .wait_until(|counters| {
            let [keys, upserts, gets] = [Call::ShardKeys, Call::Upsert, Call::Get].map(|call| counters.calls(call));
            keys == 2 && upserts >= 2 && gets >= 1
        })
        .await;
    server.faults().release_shard_keys();
    assert_indexed(&creator.await.unwrap(), 10);
    for ingest in between {
        assert_indexed(&ingest.await.unwrap(), 10);
    }
}

/// The creator dies before it creates the shard key. The next client with create_collection completes the collection,
/// also if it names no keys. Until then, documents fail with an error that names the missing key.
#[tokio::test(flavor = "multi_thread")]
async fn a_collection_without_its_shard_key_is_usable_again() {
    let server = QdrantServer::start();
    let creator = start_with_shard_key(&server, &[]).await;
    server.faults().fail_next(&[Call::ShardKeys], 1, Status::unavailable("the creator is gone"));
    Upload::open(creator.index_client().await, options_with_shard_key())
        .await
        .unwrap()
        .finish_and_drain()
        .await
        .1
        .unwrap_err();

    let sidecar = start_with_shard_key(&server, &["--retry-deadline", "1s"]).await;
    let got = ingest(sidecar.index_client().await, options_of_existing(), docs(1..=10)).await;
    assert_eq!((got.failed().len(), got.durable_through), (10, 0));
    for error in got.results.iter().filter_map(|result| result.error.as_ref()) {
        assert_eq!(error.reason, "STORE_UNAVAILABLE");
        let message = &error.message;
        assert!(message.contains(KEY) && message.contains("--qdrant-shard-key"), "{message}");
    }
    assert_indexed(&ingest(sidecar.index_client().await, options(), docs(1..=10)).await, 10);
    assert_indexed(&ingest(sidecar.index_client().await, options_of_existing(), docs(11..=20)).await, 10);
}

/// A lagging replica still has the old version of a deleted or changed point, so the document is not reported as
/// UNCHANGED.
#[tokio::test(flavor = "multi_thread")]
async fn a_lagging_replica_does_not_confirm_unchanged_documents() {
    let server = QdrantServer::start();
    let sidecar = start_remote(&server, &[]).await;
    assert_indexed(&ingest(sidecar.index_client().await, options(), docs(1..=10)).await, 10);
    server.faults().lag_replica();
    let ids = [1, 2].map(id).to_vec();
    let delete = DeleteRequest { collection: COLLECTION.to_owned(), ids, ..Default::default() };
    sidecar.index_client().await.delete(delete).await.unwrap();

    let skipping = IngestOptions { skip_unchanged: true, ..options() };
    let mut upload = Upload::open(sidecar.index_client().await, skipping).await.unwrap();
    assert!(upload.push(docs(1..=10)).await);
    upload.finish();
    let (got, end) = upload.finish_and_drain().await;
    end.unwrap();
    got.expect_one_each(10);
    assert_eq!(got.indexed().into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([1, 2]));
    assert_eq!(fetch_stored(&server, 1..=10).await.len(), 10);
}
