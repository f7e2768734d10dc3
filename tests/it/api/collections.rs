//! `CreateCollection`, `GetCollection`, `ListCollections` and `Delete`.

use splade_sidecar::proto::{
    Collection, CollectionOptions, CreateCollectionRequest, DeleteRequest, DenseVectorOptions, Distance, IngestOptions,
    ListCollectionsRequest, SparseVectorOptions, UpsertRequest, VectorDatatype,
};
use tonic::{Code, Status};

use super::{assert_indexed, by_text, ids, search};
use crate::support::documents::{document, encode_documents, key, num, number_documents, options, sample_texts, uuid};
use crate::support::failure::Failure;
use crate::support::models::load_random_model;
use crate::support::qdrant_server::QdrantServer;
use crate::support::sidecar::{MODEL, Sidecar, on_both_stores};

pub async fn get(sidecar: &Sidecar, collection: &str) -> Collection {
    sidecar.collection(collection).await
}

/// Returns the options of the only sparse vector of a collection.
pub fn sparse(collection: &Collection) -> &SparseVectorOptions {
    let vectors = &collection.options.as_ref().unwrap().sparse_vectors;
    assert_eq!(vectors.len(), 1, "{vectors:?}");
    vectors.values().next().unwrap()
}

/// Returns collection options with one sparse vector.
pub fn with_sparse(name: &str, options: SparseVectorOptions) -> CollectionOptions {
    CollectionOptions { sparse_vectors: [(name.to_owned(), options)].into(), ..Default::default() }
}

pub async fn create(sidecar: &Sidecar, name: &str, options: Option<CollectionOptions>) -> Result<Collection, Status> {
    let request = CreateCollectionRequest { name: name.to_owned(), options, ..Default::default() };
    let response = sidecar.index_client().await.create_collection(request).await?;
    Ok(response.into_inner().collection.unwrap())
}

/// Returns the expected options of a sparse vector that is written by the model of this server.
fn written(datatype: VectorDatatype, on_disk_index: bool) -> SparseVectorOptions {
    SparseVectorOptions {
        model: MODEL.to_owned(),
        fingerprint: load_random_model(MODEL).fingerprint.to_string(),
        dtype: "float32".to_owned(),
        on_disk_index,
        datatype: datatype.into(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn get_collection_returns_the_options_of_its_creation() {
    let dense = |size, distance: Distance| DenseVectorOptions { size, distance: distance.into() };
    let made = |sparse| CollectionOptions {
        dense_vectors: [
            ("image".to_owned(), dense(3, Distance::Dot)),
            ("voice".to_owned(), dense(2, Distance::Euclid)),
            ("smell".to_owned(), dense(1, Distance::Cosine)),
        ]
        .into(),
        shard_count: 1,
        replication_factor: 1,
        write_consistency_factor: 1,
        ..with_sparse("terms", sparse)
    };
    let asked = SparseVectorOptions {
        on_disk_index: true,
        datatype: VectorDatatype::Float16.into(),
        ..SparseVectorOptions::default()
    };
    let default = CollectionOptions {
        shard_count: 1,
        replication_factor: 1,
        write_consistency_factor: 1,
        ..with_sparse("splade", written(VectorDatatype::Float32, false))
    };
    on_both_stores(async |sidecar| {
        let ingest = |collection_options| IngestOptions { collection_options, ..options("made") };
        assert_indexed(&sidecar.ingest(ingest(Some(made(asked.clone()))), number_documents(&sample_texts(25))).await);
        // Options of an existing collection are not changed.
        let other = CollectionOptions { replication_factor: 1, ..with_sparse("splade", Default::default()) };
        assert_indexed(&sidecar.ingest(ingest(Some(other)), number_documents(&sample_texts(30))).await);
        let found = get(sidecar, "made").await;
        let expected = Collection {
            name: "made".to_owned(),
            incarnation: found.incarnation.clone(),
            point_count: 30,
            options: Some(made(written(VectorDatatype::Float16, true))),
        };
        assert_eq!(found, expected);
        assert!(!found.incarnation.is_empty());
        assert_eq!(search(sidecar, by_text("made", "the moon")).await.len(), 30);

        assert_eq!(sidecar.ingest(options("plain"), Vec::new()).await, []);
        let plain = get(sidecar, "plain").await;
        assert_eq!((plain.point_count, plain.options), (0, Some(default.clone())));
        assert_ne!(plain.incarnation, found.incarnation);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_is_created_once() {
    let image = DenseVectorOptions { size: 3, distance: Distance::Dot.into() };
    let asked = SparseVectorOptions {
        // Accepted, because it is the model of the server.
        model: MODEL.to_owned(),
        fingerprint: load_random_model(MODEL).fingerprint.to_string(),
        datatype: VectorDatatype::Uint8.into(),
        ..SparseVectorOptions::default()
    };
    let asked =
        CollectionOptions { dense_vectors: [("image".to_owned(), image)].into(), ..with_sparse("terms", asked) };
    on_both_stores(async |sidecar| {
        let created = create(sidecar, "made", Some(asked.clone())).await.unwrap();
        assert_eq!((created.name.as_str(), created.point_count), ("made", 0));
        assert!(!created.incarnation.is_empty());
        assert_eq!(*sparse(&created), written(VectorDatatype::Uint8, false));
        assert_eq!(created.options.as_ref().unwrap().dense_vectors, asked.dense_vectors);
        assert_eq!(get(sidecar, "made").await, created);
        let plain = create(sidecar, "plain", None).await.unwrap();
        assert_eq!(*sparse(&plain), written(VectorDatatype::Float32, false));
        assert_ne!(plain.incarnation, created.incarnation);

        let existing = IngestOptions { create_collection: false, ..options("made") };
        assert_indexed(&sidecar.ingest(existing, number_documents(&sample_texts(5))).await);
        assert_eq!(get(sidecar, "made").await, Collection { point_count: 5, ..created });

        super::aliases::set(sidecar, "alias", "made").await.unwrap();
        for name in ["made", "alias"] {
            let failure = Failure::from(create(sidecar, name, None).await.unwrap_err());
            assert_eq!((failure.code, failure.reason.as_str()), (Code::AlreadyExists, "COLLECTION_EXISTS"));
            assert_eq!(failure.fields, ["name"]);
        }
        assert_eq!(get(sidecar, "made").await.point_count, 5);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_collections_are_listed_by_name() {
    on_both_stores(async |sidecar| {
        let list = async || {
            let request = ListCollectionsRequest::default();
            sidecar.index_client().await.list_collections(request).await.unwrap().into_inner().collections
        };
        assert_eq!(list().await, []);
        assert_indexed(&sidecar.ingest(options("b"), number_documents(&sample_texts(3))).await);
        for name in ["c", "a"] {
            create(sidecar, name, None).await.unwrap();
        }
        super::aliases::set(sidecar, "alias", "b").await.unwrap();
        let listed = list().await;
        assert!(listed.iter().map(|collection| collection.name.as_str()).eq(["a", "b", "c"]), "{listed:?}");
        for collection in listed {
            assert_eq!(collection, get(sidecar, &collection.name).await);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleted_documents_are_gone_and_the_others_stay() {
    let some_uuid = || uuid("67e55044-10b1-426f-9247-bb680e5fe0c8");
    on_both_stores(async |sidecar| {
        let mut documents = number_documents(&sample_texts(4));
        documents.extend([document(key("a"), "the sea"), document(some_uuid(), "the sun")]);
        assert_indexed(&sidecar.ingest(options("docs"), documents).await);
        let gone = vec![num(2), key("a"), some_uuid(), num(99), key("never there"), num(2)];
        let request = DeleteRequest { collection: "docs".to_owned(), ids: gone, ..Default::default() };
        sidecar.index_client().await.delete(request).await.unwrap();
        assert_eq!(get(sidecar, "docs").await.point_count, 3);
        let mut left = ids(&search(sidecar, by_text("docs", "the moon")).await);
        left.sort_by_key(|id| format!("{id:?}"));
        assert_eq!(left, [num(1), num(3), num(4)]);
    })
    .await;
}

/// The embedded store has one shard and one replica: options for more are rejected with their field. Options for one
/// are accepted.
#[cfg(feature = "embedded")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_store_rejects_cluster_options() {
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
        let request = UpsertRequest {
            options: Some(ingest(options)),
            documents: encode_documents(number_documents(&sample_texts(1))),
        };
        let failure = Failure::from(sidecar.index_client().await.upsert(request).await.unwrap_err());
        assert_eq!(failure.fields, [format!("options.collection_options.{field}")]);
        assert!(failure.message.contains("--qdrant-url"), "{failure:?}");
    }
    assert_indexed(&sidecar.ingest(ingest(spread(1, 1, 1)), number_documents(&sample_texts(1))).await);
    sidecar.stop_drained().await;
}

/// The sharding options are sent to the Qdrant cluster, and returned by later calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sharding_options_reach_the_cluster() {
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
    assert_indexed(&sidecar.ingest(ingest, number_documents(&sample_texts(5))).await);
    let described = get(&sidecar, "docs").await.options.unwrap();
    let sparse_vectors = described.sparse_vectors.clone();
    assert_eq!(described, CollectionOptions { sparse_vectors, ..spread });
    assert_eq!(search(&sidecar, by_text("docs", "the moon")).await.len(), 5);
    sidecar.stop_drained().await;
}
