//! `Search`: the documents of the highest dot products, as much of them as was asked for.

use splade_sidecar::proto::search_request::Query;
use splade_sidecar::proto::{EncodeOptions, Hit, Pruning, Role, SearchRequest, SparseVector};

use super::{assert_indexed, by_text, close, dot, ids, search};
use crate::support::documents::{document, key, num, numbered, options, texts};
use crate::support::sidecar::{Sidecar, on_both_stores};

const QUERY: &str = "how far is the moon from the earth";

async fn vectors(sidecar: &Sidecar, role: Role, texts: &[String]) -> Vec<SparseVector> {
    let options = EncodeOptions { role: role.into(), ..Default::default() };
    sidecar.encode(options, texts).await.into_iter().map(|encoded| encoded.vector.unwrap()).collect()
}

/// Forty documents in `docs`.
async fn fill(sidecar: &Sidecar) {
    assert_indexed(&sidecar.ingest(options("docs"), numbered(&texts(40))).await);
}

fn by_vector(vector: SparseVector) -> SearchRequest {
    SearchRequest { query: Some(Query::Vector(vector)), ..by_text("docs", "") }
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
        let documents = vectors(sidecar, Role::Document, &texts(40)).await;
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
async fn limit_offset_and_threshold_cut_the_whole() {
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
        // Halfway between two, for a score may differ in its last bit from one search to the next.
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
async fn a_hit_brings_what_was_asked_for() {
    on_both_stores(async |sidecar| {
        let text = texts(1).remove(0);
        assert_indexed(&sidecar.ingest(options("docs"), vec![document(key("a key"), &text)]).await);
        let vector = vectors(sidecar, Role::Document, &[text]).await.remove(0);
        for (without_payload, with_vector) in [(false, false), (false, true), (true, false), (true, true)] {
            let request = SearchRequest { without_payload, with_vector, ..by_text("docs", QUERY) };
            let hit = search(sidecar, request).await.remove(0);
            assert_eq!(hit.id, Some(key("a key")));
            let fields = hit.payload.map(|payload| payload.fields.into_keys().collect::<Vec<_>>());
            assert_eq!(fields, (!without_payload).then(|| vec!["text".to_owned()]));
            assert_eq!(hit.vector, with_vector.then(|| vector.clone()));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pruned_query_is_one_of_its_heaviest_terms() {
    on_both_stores(async |sidecar| {
        fill(sidecar).await;
        let pruning = Some(Pruning { max_terms: 3, ..Default::default() });
        let options = EncodeOptions { role: Role::Query.into(), pruning, ..Default::default() };
        let pruned = sidecar.encode(options, &[QUERY.to_owned()]).await.remove(0).vector.unwrap();
        let full = vectors(sidecar, Role::Query, &[QUERY.to_owned()]).await.remove(0);
        assert_eq!(pruned.indices.len(), 3);
        let expected = search(sidecar, by_vector(pruned)).await;
        assert_same(&search(sidecar, SearchRequest { pruning, ..by_text("docs", QUERY) }).await, &expected);
        assert_same(&search(sidecar, SearchRequest { pruning, ..by_vector(full) }).await, &expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vector_without_terms_finds_nothing() {
    on_both_stores(async |sidecar| {
        fill(sidecar).await;
        assert_eq!(search(sidecar, by_vector(SparseVector::default())).await, []);
        // In any order; terms that no document has add nothing.
        let unordered = SparseVector { indices: vec![40_000_000, 9, 5], values: vec![1.0, 2.0, 3.0] };
        let ordered = SparseVector { indices: vec![5, 9], values: vec![3.0, 2.0] };
        let found = search(sidecar, by_vector(unordered)).await;
        assert_same(&found, &search(sidecar, by_vector(ordered)).await);
    })
    .await;
}
