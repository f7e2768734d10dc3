//! `Ingest` and `Upsert`: every document has one result, and is stored as was asked.

use bytes::Bytes;
use serde_json::json;
use splade_sidecar::proto::{
    Document, DocumentStatus, EncodeOptions, IngestOptions, IngestRequest, LongText, Pruning, UpsertRequest,
};

use tokio::task::JoinSet;

use super::collections::get;
use super::{assert_indexed, by_text, search};
use crate::support::documents::{document, encoded, messages, num, numbered, options, payload, stream, texts};
use crate::support::qdrant_server::QdrantServer;
use crate::support::sidecar::{Sidecar, on_both_stores};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_documents_are_indexed_once() {
    on_both_stores(async |sidecar| {
        let texts = texts(300);
        let documents = encoded(numbered(&texts));
        let mut stream_of = messages(options("many"), documents, 7);
        // Messages may be empty.
        stream_of.insert(3, IngestRequest::default());
        let results = stream(&mut sidecar.index().await, stream_of).await;
        assert_indexed(&results);
        let vectors = sidecar.encode(EncodeOptions::default(), &texts).await;
        for ((number, result), encoded) in (1..).zip(&results).zip(vectors) {
            assert_eq!(result.id, Some(num(number)));
            assert_eq!(result.token_count, encoded.token_count);
            assert_eq!(result.truncated, encoded.truncated);
            assert_eq!(result.term_count as usize, encoded.vector.unwrap().indices.len());
        }
        assert_eq!(get(sidecar, "many").await.point_count, 300);
    })
    .await;
}

/// They make the collection together, share its writer, and each gets its own results.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_at_once_are_told_apart() {
    on_both_stores(async |sidecar| {
        let index = sidecar.index().await;
        let mut streams = JoinSet::new();
        for client in 0..6u64 {
            let mut index = index.clone();
            streams.spawn(async move {
                let ids: Vec<_> = (0..50).map(|n| num(1_000 * client + n)).collect();
                let documents = ids.iter().zip(texts(50)).map(|(id, text)| document(id.clone(), &text));
                let stream_of = messages(options("together"), encoded(documents), 9);
                let results = stream(&mut index, stream_of).await;
                assert_indexed(&results);
                assert!(results.iter().map(|result| result.id.as_ref().unwrap()).eq(&ids), "client {client}");
            });
        }
        streams.join_all().await;
        assert_eq!(get(sidecar, "together").await.point_count, 300);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_has_as_many_points_as_asked_for() {
    let qdrant = QdrantServer::start();
    let sidecar = Sidecar::start(&["--qdrant-url", &qdrant.url()]).await;
    let ingest = IngestOptions { batch_points: 10, ..options("small") };
    assert_indexed(&sidecar.ingest(ingest, numbered(&texts(95))).await);
    let batches = qdrant.counters().batches;
    assert_eq!(batches.iter().sum::<usize>(), 95);
    assert!(batches.iter().all(|&points| points <= 10), "{batches:?}");
    sidecar.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_text_is_cut_or_refused_as_asked() {
    let sidecar = Sidecar::start(&[]).await;
    let documents = || vec![document(num(1), &"the moon and the sea ".repeat(50)), document(num(2), "the moon")];
    let cut = sidecar.ingest(options("long"), documents()).await;
    assert_indexed(&cut);
    assert_eq!((cut[0].truncated, cut[0].token_count), (true, 128));
    assert_eq!((cut[1].truncated, cut[1].token_count), (false, 4));
    let reject = IngestOptions { long_text: LongText::Reject.into(), ..options("long") };
    let refused = sidecar.ingest(reject, documents()).await;
    assert_indexed(&refused[1..]);
    assert_eq!(refused[0].status(), DocumentStatus::Rejected);
    let rejection = refused[0].rejection.as_ref().unwrap();
    assert_eq!((rejection.code, rejection.reason.as_str(), rejection.field.as_str()), (3, "TEXT_TOO_LONG", "text"));
    assert!(rejection.message.contains("the 128 that the model takes"), "{}", rejection.message);
    sidecar.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pruned_vector_is_stored() {
    on_both_stores(async |sidecar| {
        let (texts, pruning) = (texts(10), Some(Pruning { max_terms: 5, min_weight: 0.001, ..Default::default() }));
        let results = sidecar.ingest(IngestOptions { pruning, ..options("pruned") }, numbered(&texts)).await;
        assert!(results.iter().all(|result| result.term_count == 5), "{results:?}");
        let expected = sidecar.encode(EncodeOptions { pruning, ..Default::default() }, &texts).await;
        let mut request = by_text("pruned", "the moon");
        request.with_vector = true;
        let hits = search(sidecar, request).await;
        assert!(!hits.is_empty());
        for hit in hits {
            let at = (1..).zip(&expected).find(|(number, _)| hit.id == Some(num(*number))).unwrap();
            assert_eq!(hit.vector, at.1.vector);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_is_kept_where_asked_beside_the_payload() {
    on_both_stores(async |sidecar| {
        let fields = || json!({ "year": 1969, "who": { "names": ["neil", "buzz", null] }, "ok": true, "share": 0.5 });
        let document = || Document { payload: Some(payload(fields())), ..document(num(1), "the moon") };
        for (text_key, kept) in [(None, "text"), (Some("body"), "body"), (Some(""), "")] {
            let collection = format!("kept-{kept}");
            let ingest = IngestOptions { text_key: text_key.map(str::to_owned), ..options(&collection) };
            assert_indexed(&sidecar.ingest(ingest, vec![document()]).await);
            let mut expected = fields();
            if !kept.is_empty() {
                expected[kept] = "the moon".into();
            }
            let hits = search(sidecar, by_text(&collection, "the moon")).await;
            assert_eq!(hits[0].payload, Some(payload(expected)), "{text_key:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_field_is_not_replaced_by_the_text() {
    on_both_stores(async |sidecar| {
        let with =
            |value: &str| Document { payload: Some(payload(json!({ "text": value }))), ..document(num(1), "the moon") };
        let results = sidecar.ingest(options("own-text"), vec![with("its title"), with("the moon")]).await;
        let rejection = results[0].rejection.as_ref().unwrap();
        assert_eq!((rejection.reason.as_str(), rejection.field.as_str()), ("INVALID_ARGUMENT", "payload.text"));
        assert!(rejection.message.contains("text_key"), "{rejection:?}");
        assert_indexed(&results[1..]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upsert_answers_in_order_and_the_later_of_two_wins() {
    on_both_stores(async |sidecar| {
        let mut documents = numbered(&texts(40));
        documents.insert(20, document(num(50), " "));
        documents.push(document(num(1), "about the moon"));
        let mut documents = encoded(documents);
        documents.push(Bytes::from_static(b"\xff no document"));
        let request = UpsertRequest { options: Some(options("handful")), documents };
        let results = sidecar.index().await.upsert(request).await.unwrap().into_inner().results;
        assert!(results.iter().map(|result| result.sequence).eq(1..=43));
        for result in &results {
            let bad = [21, 43].contains(&result.sequence);
            let expected = if bad { DocumentStatus::Rejected } else { DocumentStatus::Indexed };
            assert_eq!(result.status(), expected, "{result:?}");
        }
        assert_eq!(results[20].id, Some(num(50)));
        assert_eq!(results[42].rejection.as_ref().unwrap().reason, "MALFORMED_DOCUMENT");
        assert_eq!(get(sidecar, "handful").await.point_count, 40);
        let hits = search(sidecar, by_text("handful", "the moon")).await;
        let first = hits.into_iter().find(|hit| hit.id == Some(num(1))).unwrap();
        assert_eq!(first.payload, Some(payload(json!({ "text": "about the moon" }))));
    })
    .await;
}
