//! `GetCollection` and `Delete`.

use splade_sidecar::proto::{
    CollectionOptions, DeleteRequest, DenseVectorOptions, Distance, GetCollectionRequest, GetCollectionResponse,
    IngestOptions, UpsertRequest, VectorDatatype,
};

use super::{assert_indexed, by_text, ids, search};
use crate::support::documents::{document, encoded, key, num, numbered, options, texts, uuid};
use crate::support::failure::Failure;
use crate::support::models::random;
use crate::support::qdrant_server::QdrantServer;
use crate::support::sidecar::{MODEL, Sidecar, on_both_stores};

pub async fn get(sidecar: &Sidecar, collection: &str) -> GetCollectionResponse {
    let request = GetCollectionRequest { collection: collection.to_owned() };
    sidecar.index().await.get_collection(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_is_described_as_it_was_created() {
    let dense = |size, distance: Distance| DenseVectorOptions { size, distance: distance.into() };
    let made = CollectionOptions {
        vector_name: "terms".to_owned(),
        on_disk_index: true,
        datatype: VectorDatatype::Float16.into(),
        dense_vectors: [
            ("image".to_owned(), dense(3, Distance::Dot)),
            ("voice".to_owned(), dense(2, Distance::Euclid)),
            ("smell".to_owned(), dense(1, Distance::Cosine)),
        ]
        .into(),
        shard_count: 1,
        replication_factor: 1,
        write_consistency_factor: 1,
        shard_keys: Vec::new(),
    };
    let default = CollectionOptions {
        vector_name: "splade".to_owned(),
        datatype: VectorDatatype::Float32.into(),
        shard_count: 1,
        replication_factor: 1,
        write_consistency_factor: 1,
        ..Default::default()
    };
    on_both_stores(async |sidecar| {
        let ingest = |collection_options| IngestOptions { collection_options, ..options("made") };
        assert_indexed(&sidecar.ingest(ingest(Some(made.clone())), numbered(&texts(25))).await);
        // What is asked for later is passed over.
        assert_indexed(&sidecar.ingest(ingest(Some(default.clone())), numbered(&texts(30))).await);
        let expected = GetCollectionResponse {
            name: "made".to_owned(),
            point_count: 30,
            model: MODEL.to_owned(),
            fingerprint: random(MODEL).fingerprint.to_string(),
            options: Some(made.clone()),
        };
        assert_eq!(get(sidecar, "made").await, expected);
        assert_eq!(search(sidecar, by_text("made", "the moon")).await.len(), 30);

        assert_eq!(sidecar.ingest(options("plain"), Vec::new()).await, []);
        let plain = get(sidecar, "plain").await;
        assert_eq!((plain.point_count, plain.options), (0, Some(default.clone())));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deleted_is_gone_and_the_rest_stays() {
    let some_uuid = || uuid("67e55044-10b1-426f-9247-bb680e5fe0c8");
    on_both_stores(async |sidecar| {
        let mut documents = numbered(&texts(4));
        documents.extend([document(key("a"), "the sea"), document(some_uuid(), "the sun")]);
        assert_indexed(&sidecar.ingest(options("docs"), documents).await);
        let gone = vec![num(2), key("a"), some_uuid(), num(99), key("never there"), num(2)];
        let request = DeleteRequest { collection: "docs".to_owned(), ids: gone };
        sidecar.index().await.delete(request).await.unwrap();
        assert_eq!(get(sidecar, "docs").await.point_count, 3);
        let mut left = ids(&search(sidecar, by_text("docs", "the moon")).await);
        left.sort_by_key(|id| format!("{id:?}"));
        assert_eq!(left, [num(1), num(3), num(4)]);
    })
    .await;
}

/// The embedded store is one folder: more is refused, by the option that wants it. What means one is taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_store_takes_no_options_of_a_cluster() {
    let sidecar = Sidecar::start(&[]).await;
    let spread = |shard_count, replication_factor, write_consistency_factor| CollectionOptions {
        shard_count,
        replication_factor,
        write_consistency_factor,
        ..Default::default()
    };
    let ingest = |collection_options| IngestOptions { collection_options: Some(collection_options), ..options("docs") };
    for (options, field) in [
        (spread(2, 1, 1), "shard_count"),
        (spread(0, 2, 0), "replication_factor"),
        (spread(0, 0, 2), "write_consistency_factor"),
        (CollectionOptions { shard_keys: vec!["a".to_owned()], ..Default::default() }, "shard_keys"),
    ] {
        let request = UpsertRequest { options: Some(ingest(options)), documents: encoded(numbered(&texts(1))) };
        let failure = Failure::from(sidecar.index().await.upsert(request).await.unwrap_err());
        assert_eq!(failure.fields, [format!("options.collection_options.{field}")]);
        assert!(failure.message.contains("--qdrant-url"), "{failure:?}");
    }
    assert_indexed(&sidecar.ingest(ingest(spread(1, 1, 1)), numbered(&texts(1))).await);
    sidecar.end().await;
}

/// A Qdrant cluster is told how to spread a collection, and tells it again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_is_spread_as_it_was_asked_for() {
    let qdrant = QdrantServer::start();
    let sidecar = Sidecar::start(&["--qdrant-url", &qdrant.url(), "--qdrant-shard-key", "b"]).await;
    let spread = CollectionOptions {
        shard_count: 4,
        replication_factor: 3,
        write_consistency_factor: 2,
        shard_keys: vec!["a".to_owned(), "b".to_owned()],
        ..Default::default()
    };
    let ingest = IngestOptions { collection_options: Some(spread.clone()), ..options("docs") };
    assert_indexed(&sidecar.ingest(ingest, numbered(&texts(5))).await);
    let described = get(&sidecar, "docs").await.options.unwrap();
    let vector_name = described.vector_name.clone();
    assert_eq!(described, CollectionOptions { vector_name, datatype: described.datatype, ..spread });
    assert_eq!(search(&sidecar, by_text("docs", "the moon")).await.len(), 5);
    sidecar.end().await;
}
