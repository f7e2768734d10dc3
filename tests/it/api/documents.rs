//! `GetDocuments`: by id, in the order of the request, with the requested fields.

use serde_json::{Value, json};
use splade_sidecar::proto::{
    CollectionOptions, DenseVector, DenseVectorOptions, Distance, Document, DocumentId, EncodeRequest,
    GetDocumentsRequest, GetDocumentsResponse, IngestOptions, PayloadFormat, ReturnOptions, StoredDocument,
};

use super::aliases::set as set_alias;
use super::listing::list;
use super::{assert_indexed, stored_vector};
use crate::support::documents::{document, key, num, options, sample_texts, to_payload, uuid};
use crate::support::endpoint::Endpoint;
use crate::support::sidecar::on_both_stores;

const UUID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// Returns one id of each kind.
fn ids() -> Vec<DocumentId> {
    vec![num(7), num(300), uuid(UUID), key("page/1"), key(UUID), num(u64::MAX)]
}

async fn get(
    server: &Endpoint,
    collection: &str,
    ids: Vec<DocumentId>,
    return_options: Option<ReturnOptions>,
) -> GetDocumentsResponse {
    let request = GetDocumentsRequest { collection: collection.to_owned(), ids, return_options, ..Default::default() };
    server.index_client().await.get_documents(request).await.unwrap().into_inner()
}

fn ids_of(documents: &[StoredDocument]) -> Vec<DocumentId> {
    documents.iter().map(|document| document.id.clone().unwrap()).collect()
}

/// Fills the collection `docs`.
async fn fill(server: &Endpoint) {
    let image = DenseVectorOptions { size: 2, distance: Distance::Dot.into() };
    let dense = CollectionOptions { dense_vectors: [("image".to_owned(), image)].into(), ..Default::default() };
    let documents = ids().into_iter().zip(sample_texts(6)).map(|(id, text)| Document {
        payload: Some(to_payload(json!({ "year": 1967, "by": { "name": ["Ann", null] } }))),
        dense_vectors: [("image".to_owned(), DenseVector { values: vec![0.5, 2.0] })].into(),
        ..document(id, &text)
    });
    let ingest = IngestOptions { collection_options: Some(dense), ..options("docs") };
    assert_indexed(&server.ingest(ingest, documents.collect()).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_returned_in_the_order_of_the_request() {
    on_both_stores(async |sidecar| {
        fill(sidecar).await;
        let listed = list(sidecar, "docs").await;
        let options = || Some(ReturnOptions { with_dense_vectors: true, ..Default::default() });
        let mut asked = ids();
        for _ in 0..asked.len() {
            asked.rotate_left(1);
            for asked in [asked.clone(), asked.iter().rev().cloned().collect()] {
                let got = get(sidecar, "docs", asked.clone(), options()).await;
                assert_eq!(ids_of(&got.documents), asked);
                assert_eq!((got.missing, got.remaining), (vec![], vec![]));
                assert!(
                    got.documents.iter().all(|document| listed.contains(document)),
                    "not equal to the document in a listing"
                );
            }
        }
        set_alias(sidecar, "alias", "docs").await.unwrap();
        assert_eq!(get(sidecar, "alias", ids(), None).await, get(sidecar, "docs", ids(), None).await);
    })
    .await;
}

/// Missing ids are reported in the order of the request. Ids of different kinds are different.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_ids_are_reported() {
    on_both_stores(async |sidecar| {
        fill(sidecar).await;
        let absent = [num(8), key("7"), uuid("00000000-0000-0000-0000-000000000000"), key("page/2")];
        let asked: Vec<_> = ids().into_iter().zip(absent.iter().cloned()).flat_map(|(a, b)| [b, a]).collect();
        let got = get(sidecar, "docs", asked, None).await;
        assert_eq!((ids_of(&got.documents).as_slice(), got.missing.as_slice()), (&ids()[..4], &absent[..]));
        assert_eq!(got.remaining, []);
        let none = get(sidecar, "docs", absent.to_vec(), None).await;
        assert_eq!((none.documents, none.missing.as_slice()), (vec![], &absent[..]));
        // A request may have a thousand ids, and all spellings of a UUID are one id.
        let many: Vec<_> = (1_000..2_000).map(num).collect();
        assert_eq!(get(sidecar, "docs", many.clone(), None).await.missing, many);
        let spelled = get(sidecar, "docs", vec![uuid(&UUID.to_uppercase().replace('-', ""))], None).await;
        assert_eq!(ids_of(&spelled.documents), [uuid(UUID)]);
    })
    .await;
}

/// A document whose id occurs twice is returned twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_may_come_twice() {
    on_both_stores(async |sidecar| {
        fill(sidecar).await;
        let asked = vec![num(7), num(8), key("page/1"), num(7), num(8)];
        let got = get(sidecar, "docs", asked, None).await;
        assert_eq!(ids_of(&got.documents), [num(7), key("page/1"), num(7)]);
        assert_eq!(got.missing, [num(8), num(8)]);
    })
    .await;
}

/// The size of a response is bounded: the ids of the omitted documents are returned, and the client requests them
/// again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_beyond_the_response_size_are_returned_as_remaining() {
    on_both_stores(async |sidecar| {
        let large = |number| Document {
            payload: Some(to_payload(json!({ "large": "x".repeat(1_000_000) }))),
            ..document(num(number), "the moon is full")
        };
        assert_indexed(&sidecar.ingest(options("docs"), (1..=8).map(large).collect()).await);
        let all: Vec<_> = [3, 100, 1, 8, 5, 101, 2, 7, 6, 102, 4].map(num).to_vec();
        let (mut documents, mut missing, mut asked, mut calls) = (Vec::new(), Vec::new(), all.clone(), 0);
        while !asked.is_empty() {
            let got = get(sidecar, "docs", asked.clone(), None).await;
            assert!(!got.documents.is_empty() || got.remaining.is_empty(), "no progress");
            let size: usize = got.documents.iter().map(prost::Message::encoded_len).sum();
            assert!(size < 4 << 20, "{size} bytes");
            // Each id is in one of the three lists, and `remaining` is in the order of the request.
            assert_eq!(got.documents.len() + got.missing.len() + got.remaining.len(), asked.len());
            assert!(asked.iter().filter(|id| got.remaining.contains(id)).eq(&got.remaining), "{got:?}");
            documents.extend(ids_of(&got.documents));
            missing.extend(got.missing);
            (asked, calls) = (got.remaining, calls + 1);
        }
        assert_eq!(documents, [3, 1, 8, 5, 2, 7, 6, 4].map(num));
        assert_eq!((missing, calls), ([100, 101, 102].map(num).to_vec(), 3));
        // Without payloads, all documents fit.
        let bare = Some(ReturnOptions { without_payload: true, ..Default::default() });
        let got = get(sidecar, "docs", all, bare).await;
        assert_eq!((got.documents.len(), got.remaining), (8, vec![]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_has_the_requested_fields() {
    on_both_stores(async |sidecar| {
        fill(sidecar).await;
        let text = sample_texts(1).remove(0);
        let encoded = sidecar.encode(EncodeRequest::default(), std::slice::from_ref(&text)).await.remove(0);
        let one = async |return_options| get(sidecar, "docs", vec![num(7)], return_options).await.documents.remove(0);
        let whole = json!({ "text": text, "year": 1967, "by": { "name": ["Ann", null] } });

        let default = one(None).await;
        assert_eq!((default.id.as_ref(), default.payload.as_ref()), (Some(&num(7)), Some(&to_payload(whole.clone()))));
        assert_eq!((default.text_field.as_str(), default.payload_json.as_str()), ("text", ""));
        assert!(default.sparse_vectors.is_empty() && default.dense_vectors.is_empty() && default.version.is_none());
        assert_eq!(one(Some(ReturnOptions::default())).await, default);

        let bare = one(Some(ReturnOptions { without_payload: true, ..Default::default() })).await;
        assert_eq!((bare.id, bare.payload, bare.payload_json.as_str()), (Some(num(7)), None, ""));

        let json_format = PayloadFormat::Json.into();
        let as_json = one(Some(ReturnOptions { payload_format: json_format, ..Default::default() })).await;
        assert_eq!(serde_json::from_str::<Value>(&as_json.payload_json).unwrap(), whole);
        assert_eq!(as_json.payload, None);

        let fields = || vec!["year".to_owned(), "absent".to_owned()];
        let some = one(Some(ReturnOptions { payload_fields: fields(), ..Default::default() })).await;
        assert_eq!(some.payload, Some(to_payload(json!({ "year": 1967 }))));
        let options = ReturnOptions { payload_fields: fields(), payload_format: json_format, ..Default::default() };
        assert_eq!(one(Some(options)).await.payload_json, r#"{"year":1967}"#);

        let sparse = one(Some(ReturnOptions { with_sparse_vectors: true, ..Default::default() })).await;
        assert_eq!(stored_vector(&sparse), encoded.vector.as_ref());
        assert_eq!((sparse.sparse_vectors.len(), sparse.dense_vectors.len()), (1, 0));
        let dense = one(Some(ReturnOptions { with_dense_vectors: true, ..Default::default() })).await;
        assert_eq!(dense.dense_vectors["image"].values, [0.5, 2.0]);
        assert!(dense.sparse_vectors.is_empty() && dense.payload == default.payload);
        let everything = ReturnOptions {
            with_sparse_vectors: true,
            with_dense_vectors: true,
            without_payload: true,
            ..Default::default()
        };
        let everything = one(Some(everything)).await;
        let expected = StoredDocument {
            sparse_vectors: sparse.sparse_vectors,
            dense_vectors: dense.dense_vectors,
            payload: None,
            text_field: everything.text_field.clone(),
            ..default
        };
        assert_eq!(everything, expected);
    })
    .await;
}
