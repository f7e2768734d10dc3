//! `Search`: the documents with the highest dot products, with the requested fields.

use serde_json::json;
use splade_sidecar::proto::{
    EncodeRequest, EncodedText, Hit, PayloadFormat, Pruning, Query, ReturnOptions, Role, SearchRequest, SparseVector,
};

use super::{assert_indexed, by_text, close, dot, encoded_query, hit_document, ids, pruned, search, stored_vector};
use crate::support::documents::{document, key, num, number_documents, options, sample_texts, to_payload};
use crate::support::queries::{text_query, vector_query};
use crate::support::sidecar::{Sidecar, on_both_stores};

const QUERY: &str = "how far is the moon from the earth";

async fn vectors(sidecar: &Sidecar, role: Role, texts: &[String]) -> Vec<SparseVector> {
    encode(sidecar, role, texts).await.into_iter().map(|encoded| encoded.vector.unwrap()).collect()
}

async fn encode(sidecar: &Sidecar, role: Role, texts: &[String]) -> Vec<EncodedText> {
    sidecar.encode(EncodeRequest { role: role.into(), ..Default::default() }, texts).await
}

/// Indexes forty documents in `docs`.
async fn fill(sidecar: &Sidecar) {
    assert_indexed(&sidecar.ingest(options("docs"), number_documents(&sample_texts(40))).await);
}

fn by_vector(vector: SparseVector) -> SearchRequest {
    SearchRequest { query: Some(vector_query(vector)), ..by_text("docs", "") }
}

#[track_caller]
fn assert_same(found: &[Hit], expected: &[Hit]) {
    assert_eq!(ids(found), ids(expected));
    assert!(found.iter().zip(expected).all(|(a, b)| close(a.score, b.score)), "{found:?} {expected:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn scores_are_dot_products_best_first() {
    on_both_stores(async |sidecar| {
        fill(sidecar).await;
        let documents = vectors(sidecar, Role::Document, &sample_texts(40)).await;
        let query = vectors(sidecar, Role::Query, &[QUERY.to_owned()]).await.remove(0);
        let scores: Vec<f32> = documents.iter().map(|document| dot(&query, document)).collect();
        let mut expected: Vec<_> = (1..).zip(&scores).map(|(id, score)| (num(id), *score)).collect();
        expected.sort_by(|a, b| b.1.total_cmp(&a.1));
        for request in [by_text("docs", QUERY), by_vector(query.clone())] {
            let hits = search(sidecar, request).await;
            assert!(ids(&hits).iter().eq(expected.iter().map(|(id, _)| id)), "{hits:?}");
            assert!(hits.iter().zip(&expected).all(|(hit, (_, score))| close(hit.score, *score)), "{hits:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limit_offset_and_threshold_select_a_slice() {
    on_both_stores(async |sidecar| {
        fill(sidecar).await;
        let whole = search(sidecar, by_text("docs", QUERY)).await;
        assert_eq!(whole.len(), 40);
        for (limit, offset, expected) in
            [(0, 0, &whole[..10]), (7, 0, &whole[..7]), (7, 7, &whole[7..14]), (7, 35, &whole[35..]), (7, 40, &[])]
        {
            let page = SearchRequest { limit, offset, ..by_text("docs", QUERY) };
            assert_same(&search(sidecar, page).await, expected);
        }
        // Between two scores, because the last bit of a score may differ between searches.
        let threshold = f32::midpoint(whole[9].score, whole[10].score);
        let above = SearchRequest { score_threshold: Some(threshold), ..by_text("docs", QUERY) };
        assert_same(&search(sidecar, above.clone()).await, &whole[..10]);
        assert_same(&search(sidecar, SearchRequest { limit: 3, offset: 8, ..above }).await, &whole[8..10]);
        let none = SearchRequest { score_threshold: Some(f32::MAX), ..by_text("docs", QUERY) };
        assert_eq!(search(sidecar, none).await, []);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hit_has_the_requested_fields() {
    on_both_stores(async |sidecar| {
        let text = sample_texts(1).remove(0);
        assert_indexed(&sidecar.ingest(options("docs"), vec![document(key("a key"), &text)]).await);
        let vector = vectors(sidecar, Role::Document, &[text]).await.remove(0);
        for (without_payload, with_sparse_vectors) in [(false, false), (false, true), (true, false), (true, true)] {
            let return_options = ReturnOptions { without_payload, with_sparse_vectors, ..Default::default() };
            let request = SearchRequest { return_options: Some(return_options), ..by_text("docs", QUERY) };
            let hit = search(sidecar, request).await.remove(0);
            let document = hit_document(&hit);
            assert_eq!(document.id, Some(key("a key")));
            let fields = document.payload.clone().map(|payload| payload.fields.into_keys().collect::<Vec<_>>());
            assert_eq!(fields, (!without_payload).then(|| vec!["text".to_owned()]));
            assert_eq!(stored_vector(document), with_sparse_vectors.then_some(&vector));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pruned_query_keeps_its_terms_with_the_highest_weights() {
    on_both_stores(async |sidecar| {
        fill(sidecar).await;
        let encoding = pruned(Pruning { max_terms: Some(3), ..Default::default() });
        let request = EncodeRequest { role: Role::Query.into(), encoding: Some(encoding), ..Default::default() };
        let short = sidecar.encode(request, &[QUERY.to_owned()]).await.remove(0).vector.unwrap();
        let full = vectors(sidecar, Role::Query, &[QUERY.to_owned()]).await.remove(0);
        assert_eq!(short.indices.len(), 3);
        let expected = search(sidecar, by_vector(short)).await;
        for query in [encoded_query(QUERY, encoding), Some(Query { encoding: Some(encoding), ..vector_query(full) })] {
            assert_same(&search(sidecar, SearchRequest { query, ..by_text("docs", "") }).await, &expected);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vector_without_terms_finds_nothing() {
    on_both_stores(async |sidecar| {
        fill(sidecar).await;
        assert_eq!(search(sidecar, by_vector(SparseVector::default())).await, []);
        // Terms may be unordered, and terms that no document has contribute nothing.
        let unordered = SparseVector { indices: vec![40_000_000, 9, 5], values: vec![1.0, 2.0, 3.0] };
        let ordered = SparseVector { indices: vec![5, 9], values: vec![3.0, 2.0] };
        let found = search(sidecar, by_vector(unordered)).await;
        assert_same(&found, &search(sidecar, by_vector(ordered)).await);
    })
    .await;
}

/// A text query returns its encoding statistics, including truncation; a vector query has none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_encoding_of_the_query_is_reported() {
    let sidecar = Sidecar::start(&[]).await;
    fill(&sidecar).await;
    for text in [QUERY.to_owned(), sample_texts(20).join(" ")] {
        let encoded = encode(&sidecar, Role::Query, std::slice::from_ref(&text)).await.remove(0);
        let response = sidecar.index_client().await.search(by_text("docs", &text)).await.unwrap().into_inner();
        assert_eq!(response.query_stats, encoded.stats);
        assert_eq!(response.query_stats.unwrap().truncated, text != QUERY);
        let request = by_vector(encoded.vector.unwrap());
        assert_eq!(sidecar.index_client().await.search(request).await.unwrap().into_inner().query_stats, None);
    }
    sidecar.stop_drained().await;
}

/// The vector may be addressed by its name or by default.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sparse_vector_can_be_addressed_by_name() {
    on_both_stores(async |sidecar| {
        fill(sidecar).await;
        let query = Some(Query { vector_name: "splade".to_owned(), ..text_query(QUERY) });
        let named = search(sidecar, SearchRequest { query, ..by_text("docs", "") }).await;
        assert_eq!(named, search(sidecar, by_text("docs", QUERY)).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hit_has_the_requested_payload_fields() {
    on_both_stores(async |sidecar| {
        let fields = json!({ "year": 1969, "by": { "name": "Ann" }, "tags": ["a"] });
        let stored =
            splade_sidecar::proto::Document { payload: Some(to_payload(fields)), ..document(num(1), "the moon") };
        assert_indexed(&sidecar.ingest(options("docs"), vec![stored]).await);
        for (fields, expected) in [
            (vec!["year"], json!({ "year": 1969 })),
            (vec!["text", "by", "absent"], json!({ "text": "the moon", "by": { "name": "Ann" } })),
            (vec!["absent"], json!({})),
        ] {
            let payload_fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
            for format in [PayloadFormat::Struct, PayloadFormat::Json] {
                let return_options = ReturnOptions {
                    payload_fields: payload_fields.clone(),
                    payload_format: format.into(),
                    ..Default::default()
                };
                let request = SearchRequest { return_options: Some(return_options), ..by_text("docs", QUERY) };
                let hit = search(sidecar, request).await.remove(0);
                let found = hit_document(&hit);
                if format == PayloadFormat::Json {
                    let found = if found.payload_json.is_empty() { "{}" } else { &found.payload_json };
                    assert_eq!(serde_json::from_str::<serde_json::Value>(found).unwrap(), expected);
                } else {
                    assert_eq!(found.payload.clone().unwrap_or_default(), to_payload(expected.clone()));
                }
            }
        }
    })
    .await;
}
