//! `GetCollection` and `Delete`.

use splade_sidecar::proto::{
    CollectionOptions, DeleteRequest, DenseVectorOptions, Distance, GetCollectionRequest, GetCollectionResponse,
    IngestOptions, VectorDatatype,
};

use super::{assert_indexed, by_text, ids, search};
use crate::support::documents::{document, key, num, numbered, options, texts, uuid};
use crate::support::models::random;
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
    };
    let default = CollectionOptions {
        vector_name: "splade".to_owned(),
        datatype: VectorDatatype::Float32.into(),
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
