//! The remote store: its behaviour beyond the contract that all stores share.

mod outages;
mod replicas;
mod shard_keys;

use std::sync::Arc;
use std::time::SystemTime;

use qdrant_client::qdrant::{CreateCollectionBuilder, Distance as QdrantDistance, VectorParamsBuilder};
use qdrant_edge::{PointStructPersisted, VectorPersisted, VectorStructPersisted};
use serde_json::json;
use splade_sidecar::store::{
    CollectionCatalog, PointReader, PointWriter, QdrantConfig, QdrantStore, ScrollQuery, SearchQuery, StoreError,
    VectorStore, WithVectors,
};
use splade_sidecar::types::{
    CollectionSpec, Datatype, DenseSpec, Distance, DocumentId, Fingerprint, Point, PointId, Sharding, SparseVector,
    StoredPoint,
};
use tonic::Status;

use crate::support::qdrant_server::{Call, Options, QdrantServer};
use crate::support::remote_stores::{default_config, remote_stores};

mod contract {
    crate::store_contract::contract_tests!(crate::support::remote_stores::remote_stores);
}

fn spec() -> CollectionSpec {
    CollectionSpec {
        vector_name: "terms".to_owned(),
        on_disk_index: true,
        datatype: Datatype::Float16,
        dense: [("image".to_owned(), DenseSpec { size: 2, distance: Distance::Dot })].into(),
        model: "splade-tiny".to_owned(),
        fingerprint: Some(Fingerprint("ab12".to_owned())),
        dtype: "float32".to_owned(),
        incarnation: "f47ac10b".to_owned(),
        sharding: Sharding::single(),
    }
}

fn point(id: u64) -> Point {
    let sparse = SparseVector::new(vec![1, 7], vec![1.0, 0.5]).unwrap();
    Point { id: PointId::Num(id), sparse, dense: [].into(), payload: serde_json::Map::new() }
}

fn query() -> SearchQuery {
    SearchQuery {
        vector_name: "terms".to_owned(),
        vector: SparseVector::new(vec![7], vec![2.0]).unwrap(),
        filter: None,
        limit: 10,
        offset: 0,
        score_threshold: None,
        with_payload: true,
        vectors: WithVectors::default(),
    }
}

fn store(config: QdrantConfig) -> Arc<QdrantStore> {
    Arc::new(QdrantStore::new(config).unwrap())
}

/// Returns a store on a new server that has the collection `docs`.
async fn store_with_docs() -> (QdrantServer, Arc<QdrantStore>) {
    let server = QdrantServer::start();
    let store = store(default_config(&server.url()));
    store.create_collection("docs", &spec()).await.unwrap();
    (server, store)
}

async fn ids(store: &QdrantStore) -> Vec<DocumentId> {
    let mut ids: Vec<_> = store.search("docs", query()).await.unwrap().into_iter().map(|point| point.id).collect();
    ids.sort_by_key(|id| id.to_point_id());
    ids
}

/// Returns a collection name that is unused, also on a real server.
fn fresh_name(of: &str) -> String {
    format!("splade-test-{of}-{}", SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos())
}

/// Returns a collection specification without metadata about the writer and the creation.
fn spec_without_writer() -> CollectionSpec {
    let (model, dtype, incarnation) = Default::default();
    CollectionSpec { model, fingerprint: None, dtype, incarnation, ..spec() }
}

#[tokio::test]
async fn the_writer_of_a_collection_is_stored() {
    for (store, _remote) in remote_stores() {
        for spec in [spec(), spec_without_writer()] {
            let name = fresh_name("metadata");
            store.create_collection(&name, &spec).await.unwrap();
            let info = store.get_collection(&name).await.unwrap().unwrap();
            assert_eq!(info.spec, spec);
        }
    }
}

#[tokio::test]
async fn a_server_without_metadata_support_works() {
    let server = QdrantServer::start_with(Options { forget_metadata: true, ..Options::default() });
    let store = store(default_config(&server.url()));
    store.create_collection("docs", &spec()).await.unwrap();
    store.upsert("docs", "terms", &[point(1)]).await.unwrap();
    let info = store.get_collection("docs").await.unwrap().unwrap();
    assert_eq!(info.spec, spec_without_writer());
    assert_eq!(info.point_count, 1);
}

#[tokio::test]
async fn a_collection_without_a_sparse_vector_is_refused() {
    for (store, remote) in remote_stores() {
        let name = fresh_name("foreign");
        remote.delete_later(&name);
        let vectors = VectorParamsBuilder::new(4, QdrantDistance::Cosine);
        let create = CreateCollectionBuilder::new(&name).vectors_config(vectors);
        remote.client().create_collection(create).await.unwrap();
        let Err(StoreError::Refused(message)) = store.get_collection(&name).await else { panic!("accepted") };
        assert!(message.contains(&name) && message.contains("no sparse vector"), "{message}");
    }
}

#[tokio::test]
async fn the_api_key_is_required_and_never_in_an_error() {
    let server = QdrantServer::start_with(Options { api_key: Some("r1ght".to_owned()), ..Options::default() });
    let with_key = |key: Option<&str>| {
        let mut config = default_config(&server.url());
        config.api_key = key.map(|key| key.parse().unwrap());
        store(config)
    };
    for key in [None, Some("wr0ng")] {
        let store = with_key(key);
        for error in [store.check_ready().await.unwrap_err(), store.get_collection("docs").await.unwrap_err()] {
            assert!(matches!(error, StoreError::Denied(_)), "{error:?}");
        }
    }
    let store = with_key(Some("r1ght"));
    store.check_ready().await.unwrap();
    server.faults().fail_next(&[Call::Collections], 1, Status::internal("the key is r1ght"));
    let error = store.check_ready().await.unwrap_err();
    assert!(!format!("{store:?} {store:#?} {error:?} {error}").contains("r1ght"));
}

#[tokio::test]
async fn a_refused_point_fails_its_whole_batch() {
    let (server, store) = store_with_docs().await;
    server.faults().refuse_point(2);
    let error = store.upsert("docs", "terms", &[point(1), point(2)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    store.upsert("docs", "terms", &[point(3)]).await.unwrap();
    assert_eq!(ids(&store).await, [DocumentId::Num(3)]);
}

#[tokio::test]
async fn a_batch_with_a_wrong_vector_is_not_written() {
    let (_server, store) = store_with_docs().await;
    let with_dense = |name: &str, values: Vec<f32>| Point { dense: [(name.to_owned(), values)].into(), ..point(2) };
    for (wrong, reason) in [
        (with_dense("image", vec![1.0]), "expected dim: 2, got 1"),
        (with_dense("sound", vec![1.0, 2.0]), "Not existing vector name error: sound"),
    ] {
        let error = store.upsert("docs", "terms", &[point(1), wrong]).await.unwrap_err();
        let StoreError::Refused(message) = error else { panic!("{error:?}") };
        assert!(message.contains(reason), "{message}");
    }
    let error = store.upsert("docs", "words", &[point(1)]).await.unwrap_err();
    assert!(matches!(error, StoreError::Refused(_)), "{error:?}");
    assert!(ids(&store).await.is_empty());
}

/// Protobuf messages are decoded to a depth of 100, and each nested object adds three levels.
#[tokio::test]
async fn nested_payloads_work_up_to_the_recursion_limit() {
    for (store, _remote) in remote_stores() {
        let name = fresh_name("nested");
        store.create_collection(&name, &spec()).await.unwrap();
        let nested = |levels| {
            let inner = (1..levels).fold(json!(1), |inner, _| json!({ "a": inner }));
            Point { payload: [("a".to_owned(), inner)].into_iter().collect(), ..point(1) }
        };
        store.upsert(&name, "terms", &[nested(32)]).await.unwrap();
        assert_eq!(store.search(&name, query()).await.unwrap()[0].payload, nested(32).payload);
        let error = store.upsert(&name, "terms", &[nested(200)]).await.unwrap_err();
        assert!(matches!(&error, StoreError::Refused(message) if message.contains("recursion limit")), "{error:?}");
    }
}

/// A page that contains an unreadable point of another writer is still returned.
#[tokio::test]
async fn an_unreadable_payload_is_omitted_alone() {
    let (server, store) = store_with_docs().await;
    for id in 1..=20 {
        let payload = [("n".to_owned(), json!(id))].into_iter().collect();
        store.upsert("docs", "terms", &[Point { payload, ..point(id) }]).await.unwrap();
    }
    let deep = (0..60).fold(json!(1), |inner, _| json!({ "a": inner }));
    let terms = VectorPersisted::Sparse(qdrant_edge::SparseVector { indices: vec![7, 9], values: vec![1.0, 0.0] });
    let foreign = |id| PointStructPersisted {
        id: qdrant_edge::PointId::NumId(id),
        vector: VectorStructPersisted::Named([("terms".to_owned(), terms.clone())].into()),
        payload: Some(qdrant_edge::Payload(json!({ "deep": deep }).as_object().unwrap().clone())),
    };
    server.insert_directly("docs", vec![foreign(5), foreign(30)]);

    let unreadable = [DocumentId::Num(5), DocumentId::Num(30)];
    let check = |points: Vec<StoredPoint>| {
        for point in points {
            let is_foreign = unreadable.contains(&point.id);
            assert_eq!(point.payload_unreadable, is_foreign, "{point:?}");
            assert_eq!(point.payload.contains_key("n"), !is_foreign, "{point:?}");
        }
    };
    let found = store
        .search("docs", SearchQuery { limit: 50, vectors: WithVectors::sparse("terms"), ..query() })
        .await
        .unwrap();
    assert_eq!(found.len(), 21);
    check(found);
    let scroll = ScrollQuery { from: None, limit: 50, vectors: WithVectors::default() };
    let page = store.scroll("docs", scroll).await.unwrap();
    assert_eq!(page.points.len(), 21);
    check(page.points);
    let ids: Vec<_> = (1..=30).map(PointId::Num).collect();
    let got = store.retrieve("docs", &ids, &WithVectors::sparse("terms")).await.unwrap();
    assert_eq!(got.len(), 21);
    // A term with weight zero is dropped.
    let foreign = got.iter().find(|point| point.id == DocumentId::Num(30)).unwrap();
    assert_eq!(foreign.sparse.as_ref().unwrap().indices(), [7]);
    check(got);
    let without = SearchQuery { limit: 50, with_payload: false, ..query() };
    assert!(store.search("docs", without).await.unwrap().iter().all(|point| !point.payload_unreadable));
}

#[tokio::test]
async fn calls_are_concurrent_and_empty_ones_are_not_sent() {
    let (server, store) = store_with_docs().await;
    server.faults().hang(&[Call::Upsert]);
    for id in 1..=3 {
        let store = store.clone();
        tokio::spawn(async move { store.upsert("docs", "terms", &[point(id), point(id + 10)]).await });
    }
    let counters = server.wait_until(|counters| counters.in_flight == 3).await;
    assert_eq!((counters.max_in_flight, counters.points(), counters.written), (3, 6, 0));
    assert_eq!(counters.batches, [2, 2, 2]);

    store.upsert("docs", "terms", &[]).await.unwrap();
    store.delete("docs", &[]).await.unwrap();
    assert!(store.retrieve("docs", &[], &WithVectors::sparse("terms")).await.unwrap().is_empty());
    let nothing = SearchQuery { vector: SparseVector::default(), ..query() };
    assert!(store.search("docs", nothing).await.unwrap().is_empty());
    let counters = server.counters();
    assert_eq!(counters.calls(Call::Upsert), 3);
    assert_eq!([Call::Delete, Call::Get, Call::Query].map(|call| counters.calls(call)), [0, 0, 0]);
}

#[tokio::test]
async fn the_test_server_can_discard_points() {
    let server = QdrantServer::start_with(Options { discard: true, ..Options::default() });
    let store = store(default_config(&server.url()));
    store.create_collection("docs", &spec()).await.unwrap();
    let points: Vec<Point> = (0..1000).map(point).collect();
    for _ in 0..5 {
        store.upsert("docs", "terms", &points).await.unwrap();
    }
    assert_eq!(server.counters().written, 5000);
    assert!(ids(&store).await.is_empty());
}

#[tokio::test]
async fn sharding_options_are_sent_on_creation() {
    let server = QdrantServer::start();
    let store = store(default_config(&server.url()));
    let sharding = Sharding { shards: 6, replicas: 3, write_consistency: 2, shard_keys: Vec::new() };
    let spread = CollectionSpec { sharding: sharding.clone(), ..spec() };
    store.create_collection("spread", &spread).await.unwrap();
    assert_eq!(store.get_collection("spread").await.unwrap().unwrap().spec, spread);
    let default = CollectionSpec { sharding: Sharding::default(), ..spec() };
    store.create_collection("default", &default).await.unwrap();
    assert_eq!(store.get_collection("default").await.unwrap().unwrap().spec, spec());
}

#[tokio::test]
async fn a_closed_store_refuses() {
    let (_server, store) = store_with_docs().await;
    store.close().await.unwrap();
    for error in [store.check_ready().await, store.upsert("docs", "terms", &[point(1)]).await] {
        assert!(matches!(error, Err(StoreError::Unavailable(_))), "{error:?}");
    }
    store.close().await.unwrap();
}
