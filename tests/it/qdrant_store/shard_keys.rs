//! Collections with custom sharding. They are created in two steps, and other clients may write in between.

use std::sync::Arc;

use splade_sidecar::store::{CollectionCatalog, PointReader, PointWriter, QdrantStore, StoreError};
use splade_sidecar::types::{CollectionSpec, PointId, Sharding};
use tonic::Status;

use super::{point, query, spec, store, store_with_docs};
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::remote_stores::default_config;

/// Returns a store that writes to a shard key.
fn store_with_shard_key(server: &QdrantServer, key: &str) -> Arc<QdrantStore> {
    let mut config = default_config(&server.url());
    config.shard_key = Some(key.to_owned());
    store(config)
}

fn spec_with_shard_keys(keys: &[&str]) -> CollectionSpec {
    let keys = keys.iter().map(|&key| key.to_owned()).collect();
    CollectionSpec { sharding: Sharding { shards: 2, shard_keys: keys, ..Sharding::single() }, ..spec() }
}

async fn complete(store: &QdrantStore, keys: &[&str]) -> Result<(), StoreError> {
    let info = store.get_collection("new").await?.unwrap();
    store.complete_collection(&info, &spec_with_shard_keys(keys)).await
}

async fn keys(store: &QdrantStore) -> Vec<String> {
    store.get_collection("new").await.unwrap().unwrap().spec.sharding.shard_keys
}

/// Creates the collection `new` without a shard key, as a process leaves it that dies before it creates one.
async fn create_without_shard_key(store: &QdrantStore, server: &QdrantServer) {
    server.faults().fail_next(&[Call::ShardKeys], 1, Status::unavailable("died"));
    store.create_collection("new", &spec_with_shard_keys(&["tenant-1"])).await.unwrap_err();
    assert_eq!(keys(store).await, [""; 0]);
}

/// A store with a shard key creates and writes only collections that include this key.
#[tokio::test]
async fn a_sharded_collection_requires_the_stores_shard_key() {
    let (server, plain) = store_with_docs().await;
    let store = store_with_shard_key(&server, "tenant-1");
    for (store, keys) in [(&store, &[][..]), (&store, &["tenant-2"]), (&plain, &["tenant-1"])] {
        let error = store.create_collection("new", &spec_with_shard_keys(keys)).await.unwrap_err();
        let StoreError::InvalidOption { option, message } = error else { panic!("{error:?}") };
        assert!(option == "shard_keys" && message.contains("--qdrant-shard-key"), "{message}");
        assert_eq!(plain.get_collection("new").await, Ok(None));
        assert_eq!(
            store.create_collection("docs", &spec_with_shard_keys(keys)).await,
            Err(StoreError::AlreadyExists("docs".to_owned()))
        );
    }
    let spec = spec_with_shard_keys(&["tenant-1", "tenant-2"]);
    store.create_collection("new", &spec).await.unwrap();
    assert_eq!(store.get_collection("new").await.unwrap().unwrap().spec, spec);
    store.upsert("new", "terms", &[point(1)]).await.unwrap();
    assert_eq!(store.get_collection("new").await.unwrap().unwrap().point_count, 1);
    let error = plain.upsert("new", "terms", &[point(1)]).await.unwrap_err();
    assert!(matches!(&error, StoreError::Refused(message) if message.contains("Shard key not specified")), "{error:?}");
}

#[tokio::test]
async fn writes_wait_for_a_missing_shard_key() {
    let server = QdrantServer::start();
    let (creator, writer) = (store_with_shard_key(&server, "tenant-1"), store_with_shard_key(&server, "tenant-1"));
    server.faults().hold_shard_keys();
    let created =
        tokio::spawn(async move { creator.create_collection("new", &spec_with_shard_keys(&["tenant-1"])).await });
    server.wait_until(|counters| counters.calls(Call::ShardKeys) == 1).await;
    let ids = [PointId::Num(1)];
    for error in [
        writer.upsert("new", "terms", &[point(1)]).await,
        writer.delete("new", &ids).await,
        writer.fetch_digests("new", &ids).await.map(drop),
        writer.search("new", query()).await.map(drop),
    ] {
        let error = error.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)) && !error.has_unknown_outcome(), "{error:?}");
        let text = error.to_string();
        assert!(["`new`", "`tenant-1`", "--qdrant-shard-key"].iter().all(|part| text.contains(part)), "{text}");
    }
    server.faults().release_shard_keys();
    created.await.unwrap().unwrap();
    writer.upsert("new", "terms", &[point(1)]).await.unwrap();
}

#[tokio::test]
async fn a_missing_shard_key_is_created() {
    let server = QdrantServer::start();
    let (first, second) = (store_with_shard_key(&server, "tenant-1"), store_with_shard_key(&server, "tenant-2"));
    create_without_shard_key(&first, &server).await;
    server.faults().fail_next(&[Call::ShardKeys], 1, Status::unavailable("busy"));
    let error = complete(&first, &[]).await.unwrap_err();
    assert!(error.is_retryable() && error.to_string().contains("`tenant-1` could not be created yet"), "{error}");

    complete(&first, &[]).await.unwrap();
    first.upsert("new", "terms", &[point(1)]).await.unwrap();
    complete(&second, &["tenant-2", "tenant-3"]).await.unwrap();
    assert_eq!(keys(&first).await, ["tenant-1", "tenant-2", "tenant-3"]);
    let calls = server.counters().calls(Call::ShardKeys);
    for (store, requested) in
        [(&first, &[][..]), (&second, &["tenant-1"]), (&store(default_config(&server.url())), &["x"])]
    {
        complete(store, requested).await.unwrap();
    }
    assert_eq!(server.counters().calls(Call::ShardKeys), calls, "a complete collection was changed");
}

/// Two processes find the collection without its shard key at the same time.
#[tokio::test]
async fn concurrent_creations_of_a_shard_key_succeed() {
    let server = QdrantServer::start();
    let stores = [store_with_shard_key(&server, "tenant-1"), store_with_shard_key(&server, "tenant-1")];
    create_without_shard_key(&stores[0], &server).await;
    server.faults().hold_shard_keys();
    let completed = stores.map(|store| tokio::spawn(async move { complete(&store, &[]).await }));
    server.wait_until(|counters| counters.calls(Call::ShardKeys) == 3).await;
    server.faults().release_shard_keys();
    for completed in completed {
        completed.await.unwrap().unwrap();
    }
    assert_eq!(keys(&store_with_shard_key(&server, "tenant-1")).await, ["tenant-1"]);
}

#[tokio::test]
async fn a_failed_shard_key_creation_names_the_cause() {
    let (server, plain) = store_with_docs().await;
    let store = store_with_shard_key(&server, "tenant-1");
    let info = plain.get_collection("docs").await.unwrap().unwrap();
    plain.complete_collection(&info, &spec_with_shard_keys(&["tenant-1"])).await.unwrap();
    let error = store.complete_collection(&info, &spec()).await.unwrap_err();
    assert!(matches!(&error, StoreError::Refused(message) if message.contains("has no shard keys")), "{error:?}");

    // The error of a server that is not in cluster mode.
    server.faults().fail_next(&[Call::ShardKeys], 1, Status::unimplemented("Qdrant is running in standalone mode"));
    let error = store.create_collection("new", &spec_with_shard_keys(&["tenant-1"])).await.unwrap_err();
    let StoreError::Failed(message) = error else { panic!("{error:?}") };
    assert!(message.contains("delete the collection") && message.contains("standalone"), "{message}");
}
