//! `Ingest` and `Upsert`: every document has one result, and is stored with the requested options. Other operations are
//! tested in operations.rs.

use bytes::Bytes;
use serde_json::json;
use splade_sidecar::proto::{
    Document, EncodeRequest, IngestOptions, IngestRequest, LongText, OperationStatus, Pruning, SearchRequest,
    UpsertRequest,
};
use tokio::task::JoinSet;

use super::collections::get;
use super::{assert_indexed, by_text, hit_document, hit_id, long_texts, pruned, search, stored_vector, with_vectors};
use crate::support::documents::{
    build_messages, document, encode_documents, expect_stats, num, number_documents, options, run_stream, sample_texts,
    to_payload,
};
use crate::support::qdrant_server::QdrantServer;
use crate::support::sidecar::{Sidecar, on_both_stores};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_documents_are_indexed_once() {
    on_both_stores(async |sidecar| {
        let texts = sample_texts(300);
        let documents = encode_documents(number_documents(&texts));
        let mut stream_of = build_messages(options("many"), documents, 7);
        // Messages without operations are valid.
        stream_of.insert(3, IngestRequest::default());
        let results = run_stream(&mut sidecar.index_client().await, stream_of).await;
        assert_indexed(&results);
        let vectors = sidecar.encode(EncodeRequest::default(), &texts).await;
        for ((number, result), encoded) in (1..).zip(&results).zip(vectors) {
            assert_eq!(result.id, Some(num(number)));
            assert_eq!(result.stats, encoded.stats);
            assert_eq!(expect_stats(result).term_count as usize, encoded.vector.unwrap().indices.len());
        }
        assert_eq!(get(sidecar, "many").await.point_count, 300);
    })
    .await;
}

/// Concurrent streams create the collection once, share its writer, and each gets its own results.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_streams_get_their_own_results() {
    on_both_stores(async |sidecar| {
        let index = sidecar.index_client().await;
        let mut streams = JoinSet::new();
        for client in 0..6u64 {
            let mut index = index.clone();
            streams.spawn(async move {
                let ids: Vec<_> = (0..50).map(|n| num(1_000 * client + n)).collect();
                let documents = ids.iter().zip(sample_texts(50)).map(|(id, text)| document(id.clone(), &text));
                let stream_of = build_messages(options("together"), encode_documents(documents), 9);
                let results = run_stream(&mut index, stream_of).await;
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
async fn a_batch_has_the_requested_number_of_points() {
    let qdrant = QdrantServer::start();
    let sidecar = Sidecar::start(&["--qdrant-url", &qdrant.url()]).await;
    let ingest = IngestOptions { batch_points: 10, ..options("small") };
    assert_indexed(&sidecar.ingest(ingest, number_documents(&sample_texts(95))).await);
    let batches = qdrant.counters().batches;
    assert_eq!(batches.iter().sum::<usize>(), 95);
    assert!(batches.iter().all(|&points| points <= 10), "{batches:?}");
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_text_is_truncated_or_rejected_by_policy() {
    let sidecar = Sidecar::start(&[]).await;
    let documents = || vec![document(num(1), &"the moon and the sea ".repeat(50)), document(num(2), "the moon")];
    let cut = sidecar.ingest(options("long"), documents()).await;
    assert_indexed(&cut);
    assert_eq!((expect_stats(&cut[0]).truncated, expect_stats(&cut[0]).token_count), (true, 128));
    assert_eq!((expect_stats(&cut[1]).truncated, expect_stats(&cut[1]).token_count), (false, 4));
    let reject = IngestOptions { encoding: Some(long_texts(LongText::Reject)), ..options("long") };
    let refused = sidecar.ingest(reject, documents()).await;
    assert_indexed(&refused[1..]);
    assert_eq!(refused[0].status(), OperationStatus::Rejected);
    let error = refused[0].error.as_ref().unwrap();
    assert_eq!((error.code, error.reason.as_str(), error.field.as_str()), (3, "TEXT_TOO_LONG", "text"));
    assert!(error.message.contains("maximum of 128"), "{}", error.message);
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pruned_vector_is_stored() {
    on_both_stores(async |sidecar| {
        let pruning = Pruning { max_terms: Some(5), min_weight: Some(0.001), ..Default::default() };
        let (texts, encoding) = (sample_texts(10), Some(pruned(pruning)));
        let results = sidecar.ingest(IngestOptions { encoding, ..options("pruned") }, number_documents(&texts)).await;
        assert!(results.iter().all(|result| expect_stats(result).term_count == 5), "{results:?}");
        let expected = sidecar.encode(EncodeRequest { encoding, ..Default::default() }, &texts).await;
        let request = SearchRequest { return_options: with_vectors(), ..by_text("pruned", "the moon") };
        let hits = search(sidecar, request).await;
        assert!(!hits.is_empty());
        for hit in hits {
            let at = (1..).zip(&expected).find(|(number, _)| *hit_id(&hit) == num(*number)).unwrap();
            assert_eq!(stored_vector(hit_document(&hit)), at.1.vector.as_ref());
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_text_is_stored_in_the_requested_payload_field() {
    on_both_stores(async |sidecar| {
        let fields = || json!({ "year": 1969, "who": { "names": ["neil", "buzz", null] }, "ok": true, "share": 0.5 });
        let document = || Document { payload: Some(to_payload(fields())), ..document(num(1), "the moon") };
        for (text_field, kept) in [(None, "text"), (Some("body"), "body"), (Some(""), "")] {
            let collection = format!("kept-{kept}");
            let ingest = IngestOptions { text_field: text_field.map(str::to_owned), ..options(&collection) };
            assert_indexed(&sidecar.ingest(ingest, vec![document()]).await);
            let mut expected = fields();
            if !kept.is_empty() {
                expected[kept] = "the moon".into();
            }
            let hits = search(sidecar, by_text(&collection, "the moon")).await;
            let document = hit_document(&hits[0]);
            assert_eq!((&document.payload, document.text_field.as_str()), (&Some(to_payload(expected)), kept));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_field_is_not_replaced_by_the_text() {
    on_both_stores(async |sidecar| {
        let with = |value: &str| Document {
            payload: Some(to_payload(json!({ "text": value }))),
            ..document(num(1), "the moon")
        };
        let results = sidecar.ingest(options("own-text"), vec![with("its title"), with("the moon")]).await;
        let error = results[0].error.as_ref().unwrap();
        assert_eq!((error.reason.as_str(), error.field.as_str()), ("INVALID_ARGUMENT", "payload.text"));
        assert!(error.message.contains("text_field"), "{error:?}");
        assert_indexed(&results[1..]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn upsert_returns_results_in_order_and_the_later_duplicate_wins() {
    on_both_stores(async |sidecar| {
        let mut documents = number_documents(&sample_texts(40));
        documents.insert(20, document(num(50), " "));
        documents.push(document(num(1), "about the moon"));
        let mut documents = encode_documents(documents);
        documents.push(Bytes::from_static(b"\xff no document"));
        let request = UpsertRequest { options: Some(options("handful")), documents };
        let results = sidecar.index_client().await.upsert(request).await.unwrap().into_inner().results;
        assert!(results.iter().map(|result| result.sequence).eq(1..=43));
        for result in &results {
            crate::support::upload::check_result(result);
            let bad = [21, 43].contains(&result.sequence);
            let expected = if bad { OperationStatus::Rejected } else { OperationStatus::Indexed };
            assert_eq!(result.status(), expected, "{result:?}");
        }
        assert_eq!(results[20].id, Some(num(50)));
        assert_eq!(results[42].error.as_ref().unwrap().reason, "MALFORMED_DOCUMENT");
        assert_eq!(get(sidecar, "handful").await.point_count, 40);
        let hits = search(sidecar, by_text("handful", "the moon")).await;
        let first = hits.iter().find(|hit| *hit_id(hit) == num(1)).unwrap();
        assert_eq!(hit_document(first).payload, Some(to_payload(json!({ "text": "about the moon" }))));
    })
    .await;
}
