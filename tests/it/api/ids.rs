//! Ids are returned as they were sent.

use splade_sidecar::proto::document_id::Kind;
use splade_sidecar::proto::{Document, DocumentId, ReturnOptions, UpsertRequest};
use uuid::Uuid;

use super::{assert_indexed, by_text, ids, search};
use crate::support::documents::{document, encode_documents, key, num, options, sample_texts, uuid};
use crate::support::sidecar::{Sidecar, on_both_stores};

/// The UUID namespace that the API documents.
const NAMESPACE: Uuid = Uuid::from_u128(0xd530_0121_159a_59fa_bccf_5c9b_a0a5_40d7);

fn made_of(text: &str) -> DocumentId {
    uuid(&Uuid::new_v5(&NAMESPACE, text.as_bytes()).to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_id_is_returned_by_results_and_searches() {
    let given = [
        num(0),
        num(u64::MAX),
        uuid("67e55044-10b1-426f-9247-bb680e5fe0c8"),
        key("7"),
        key("67e55044-10b1-426f-9247-bb680e5fe0c8"),
        key("https://example.com/a page?x=1#ü"),
        key(&"k".repeat(512)),
    ];
    on_both_stores(async |sidecar| {
        let documents: Vec<_> =
            given.iter().zip(sample_texts(7)).map(|(id, text)| document(id.clone(), &text)).collect();
        let results = sidecar.ingest(options("ids"), documents).await;
        assert_indexed(&results);
        assert!(results.iter().map(|result| result.id.as_ref().unwrap()).eq(&given));
        for without_payload in [false, true] {
            let mut request = by_text("ids", "the moon");
            request.return_options = Some(ReturnOptions { without_payload, ..Default::default() });
            let found = ids(&search(sidecar, request).await);
            assert_eq!(found.len(), given.len());
            assert!(given.iter().all(|id| found.contains(id)), "{found:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_uuid_may_be_spelled_in_many_ways() {
    let sidecar = Sidecar::start(&[]).await;
    let spellings = [
        "67E55044-10B1-426F-9247-BB680E5FE0C8",
        "67e5504410b1426f9247bb680e5fe0c8",
        "{67e55044-10b1-426f-9247-bb680e5fe0c8}",
        "urn:uuid:67e55044-10b1-426f-9247-bb680e5fe0c8",
    ];
    let documents = spellings.map(|spelling| document(uuid(spelling), "the moon")).to_vec();
    for result in sidecar.ingest(options("spellings"), documents).await {
        assert_eq!(result.id, Some(uuid("67e55044-10b1-426f-9247-bb680e5fe0c8")));
    }
    assert_eq!(sidecar.point_count("spellings").await, 1);
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_id_the_same_text_is_the_same_point() {
    on_both_stores(async |sidecar| {
        let documents = || sample_texts(30).into_iter().map(|text| Document { text, ..Default::default() });
        let first = sidecar.ingest(options("derived"), documents().collect()).await;
        // Twice in one stream, again in another stream, and with a unary call.
        let again = sidecar.ingest(options("derived"), documents().chain(documents()).collect()).await;
        let upsert = UpsertRequest { options: Some(options("derived")), documents: encode_documents(documents()) };
        let upserted = sidecar.index_client().await.upsert(upsert).await.unwrap().into_inner().results;
        let elsewhere = sidecar.ingest(options("elsewhere"), documents().collect()).await;
        assert_indexed(&first);
        for (at, result) in first.iter().enumerate() {
            assert!(matches!(result.id.as_ref().unwrap().kind, Some(Kind::Uuid(_))), "{result:?}");
            assert_eq!(result.id, again[at].id);
            assert_eq!(result.id, again[at + first.len()].id);
            assert_eq!(result.id, upserted[at].id);
            assert_eq!(result.id, elsewhere[at].id, "the id depends on the collection");
            assert_eq!(result.id, Some(made_of(&sample_texts(30)[at])), "not the documented UUID");
        }
        assert_eq!(sidecar.point_count("derived").await, 30);
        assert_eq!(made_of("a cat sat on the mat"), uuid("25d90a98-0371-5163-9168-d6a1fdef17c2"));
    })
    .await;
}
