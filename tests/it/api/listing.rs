//! `ListDocuments`.

use serde_json::json;
use splade_sidecar::proto::{
    CollectionOptions, DenseVector, DenseVectorOptions, Distance, Document, EncodeRequest, IngestOptions,
    ListDocumentsRequest, ListDocumentsResponse, ReturnOptions, StoredDocument,
};
use tonic::{Code, Status};

use super::{assert_indexed, stored_vector, with_vectors};
use crate::support::documents::{document, key, num, number_documents, options, sample_texts, to_payload, uuid};
use crate::support::endpoint::Endpoint;
use crate::support::failure::Failure;
use crate::support::sidecar::on_both_stores;

/// Returns one page.
pub async fn pages(
    server: &Endpoint,
    collection: &str,
    size: u32,
    token: &str,
) -> Result<ListDocumentsResponse, Status> {
    let request = ListDocumentsRequest {
        collection: collection.to_owned(),
        page_size: size,
        page_token: token.to_owned(),
        return_options: Some(ReturnOptions { with_dense_vectors: true, ..ReturnOptions::default() }),
        ..ListDocumentsRequest::default()
    };
    server.index_client().await.list_documents(request).await.map(tonic::Response::into_inner)
}

/// Returns all documents, read in pages of `size`, and the length of each page.
async fn all(server: &Endpoint, collection: &str, size: u32) -> (Vec<StoredDocument>, Vec<usize>) {
    let (mut documents, mut sizes, mut token) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = pages(server, collection, size, &token).await.unwrap();
        sizes.push(page.documents.len());
        documents.extend(page.documents);
        token = page.next_page_token;
        if token.is_empty() {
            return (documents, sizes);
        }
    }
}

/// Returns all documents.
pub async fn list(server: &Endpoint, collection: &str) -> Vec<StoredDocument> {
    all(server, collection, 1_000).await.0
}

/// Documents are listed with their ids, payloads and dense vectors, and without internal fields.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn listed_documents_equal_the_ingested_ones() {
    let image = DenseVectorOptions { size: 2, distance: Distance::Dot.into() };
    let collection_options =
        CollectionOptions { dense_vectors: [("image".to_owned(), image)].into(), ..Default::default() };
    on_both_stores(async |sidecar| {
        let ids = [num(7), num(300), uuid("00000000-0000-0000-0000-000000000001"), key("page/1"), key("page/2")];
        let given = |id| Document {
            payload: Some(to_payload(json!({ "year": 1967, "by": { "name": ["Ann", null] } }))),
            dense_vectors: [("image".to_owned(), DenseVector { values: vec![0.5, 2.0] })].into(),
            ..document(id, "the moon is full")
        };
        let ingest = IngestOptions {
            collection_options: Some(collection_options.clone()),
            text_field: Some("body".to_owned()),
            ..options("docs")
        };
        assert_indexed(&sidecar.ingest(ingest, ids.clone().map(given).into()).await);
        let kept = to_payload(json!({ "year": 1967, "by": { "name": ["Ann", null] }, "body": "the moon is full" }));
        let listed = list(sidecar, "docs").await;
        let mut listed_ids: Vec<_> = listed.iter().map(|document| document.id.clone().unwrap()).collect();
        assert_eq!(listed_ids[..3], ids[..3], "numbers, then UUIDs");
        listed_ids.sort_by_key(|id| format!("{id:?}"));
        let mut expected = ids.to_vec();
        expected.sort_by_key(|id| format!("{id:?}"));
        assert_eq!(listed_ids, expected);
        for document in listed {
            assert_eq!(document.payload.as_ref(), Some(&kept));
            assert_eq!(document.dense_vectors, given(num(1)).dense_vectors);
            assert_eq!(document.text_field, "body");
            assert!(document.sparse_vectors.is_empty());
        }
        let without = ListDocumentsRequest { collection: "docs".to_owned(), ..Default::default() };
        let without = sidecar.index_client().await.list_documents(without).await.unwrap().into_inner();
        assert!(without.documents.iter().all(|document| document.dense_vectors.is_empty()));
        let sparse = ListDocumentsRequest {
            collection: "docs".to_owned(),
            return_options: with_vectors(),
            ..Default::default()
        };
        let sparse = sidecar.index_client().await.list_documents(sparse).await.unwrap().into_inner();
        let encoded = sidecar.encode(EncodeRequest::default(), &["the moon is full".to_owned()]).await.remove(0);
        for document in sparse.documents {
            assert_eq!(stored_vector(&document), encoded.vector.as_ref());
            assert!(document.dense_vectors.is_empty() && document.payload.is_some());
        }

        let unkept = IngestOptions { text_field: Some(String::new()), ..options("unkept") };
        assert_indexed(&sidecar.ingest(unkept, number_documents(&sample_texts(1))).await);
        let [unkept] = list(sidecar, "unkept").await.try_into().unwrap();
        assert_eq!((unkept.payload, unkept.text_field.as_str()), (None, ""));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_document_is_on_one_page() {
    on_both_stores(async |sidecar| {
        assert_indexed(&sidecar.ingest(options("docs"), number_documents(&sample_texts(150))).await);
        for (size, sizes) in [(0, vec![100, 50]), (1_000, vec![150]), (150, vec![150]), (70, vec![70, 70, 10])] {
            let (documents, found) = all(sidecar, "docs", size).await;
            assert_eq!(found, sizes);
            assert!(documents.into_iter().map(|document| document.id.unwrap()).eq((1..=150).map(num)));
        }
    })
    .await;
}

/// The size of a page is bounded, unless a single document exceeds the bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_large_documents_are_short() {
    on_both_stores(async |sidecar| {
        let large = |number| Document {
            payload: Some(to_payload(json!({ "large": "x".repeat(1_000_000) }))),
            ..document(num(number), "the moon is full")
        };
        assert_indexed(&sidecar.ingest(options("docs"), (1..=7).map(large).collect()).await);
        let (documents, sizes) = all(sidecar, "docs", 10).await;
        assert!(documents.into_iter().map(|document| document.id.unwrap()).eq((1..=7).map(num)));
        assert_eq!(sizes, [3, 3, 1]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_is_told_by_its_field() {
    on_both_stores(async |sidecar| {
        for collection in ["docs", "other"] {
            assert_indexed(&sidecar.ingest(options(collection), number_documents(&sample_texts(3))).await);
        }
        let token = pages(sidecar, "docs", 1, "").await.unwrap().next_page_token;
        for (collection, size, token, field) in [
            ("", 1, "", "collection"),
            ("docs", 1_001, "", "page_size"),
            ("docs", 1, "nonsense", "page_token"),
            ("other", 1, token.as_str(), "page_token"),
        ] {
            let failure = Failure::from(pages(sidecar, collection, size, token).await.unwrap_err());
            assert_eq!((failure.code, failure.fields), (Code::InvalidArgument, vec![field.to_owned()]));
        }
        let absent = Failure::from(pages(sidecar, "absent", 1, "").await.unwrap_err());
        assert_eq!((absent.code, absent.reason.as_str()), (Code::NotFound, "COLLECTION_NOT_FOUND"));
    })
    .await;
}
