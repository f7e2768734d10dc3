//! Searches.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::json;
use splade_sidecar::store::{SearchQuery, StoreError, VectorStore, WithVectors};
use splade_sidecar::types::{CollectionSpec, Datatype, Document, DocumentId, Payload, Point, PointId, SparseVector};

use super::{VECTOR, create, create_with_points, numbers, payload, point, query, search, sparse, spec};

/// Deterministic pseudo-random numbers.
struct PseudoRandom(u64);

impl PseudoRandom {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    /// Returns a vector of up to `terms` of 60 terms, with weights from an eighth to two.
    fn vector(&mut self, terms: u64) -> SparseVector {
        let entries: HashMap<u32, f32> =
            (0..terms).map(|_| (self.below(60) as u32, (self.below(16) + 1) as f32 / 8.0)).collect();
        sparse(&entries.into_iter().collect::<Vec<_>>())
    }
}

fn dot(a: &SparseVector, b: &SparseVector) -> f32 {
    a.intersection(b).map(|(_, a, b)| a * b).sum()
}

pub async fn scores_are_dot_products_best_first(store: Arc<dyn VectorStore>) {
    let mut rng = PseudoRandom(1);
    let points: Vec<_> = (0..300).map(|id| Point { sparse: rng.vector(15), ..point(id, &[]) }).collect();
    let name = create_with_points(&store, &points).await;
    for _ in 0..20 {
        let vector = rng.vector(6);
        let hits = search(&store, &name, SearchQuery { vector: vector.clone(), limit: 25, ..query(&[]) }).await;
        for (hit, number) in hits.iter().zip(numbers(&hits)) {
            assert_eq!(hit.score, dot(&vector, &points[number as usize].sparse), "of point {number}");
        }
        let mut best: Vec<_> = points.iter().map(|point| dot(&vector, &point.sparse)).collect();
        best.sort_by(|a, b| b.total_cmp(a));
        assert_eq!(hits.iter().map(|hit| hit.score).collect::<Vec<_>>(), best[..25]);
    }
}

pub async fn points_without_a_shared_term_are_not_found(store: Arc<dyn VectorStore>) {
    let name =
        create_with_points(&store, &[point(1, &[(1, 1.0)]), point(2, &[(2, 1.0)]), point(3, &[(1, 1.0), (2, 1.0)])])
            .await;
    assert_eq!(numbers(&search(&store, &name, query(&[(2, 2.0)])).await).len(), 2);
    assert_eq!(search(&store, &name, query(&[(3, 2.0), (u32::MAX, 1.0)])).await, []);
}

/// Every combination of limit and offset returns a slice of the complete result list.
pub async fn search_pages_are_slices_of_one_result_list(store: Arc<dyn VectorStore>) {
    let points: Vec<_> = (1..=20).map(|id| point(id, &[(1, id as f32 / 8.0)])).collect();
    let name = create_with_points(&store, &points).await;
    let whole: Vec<u64> = (1..=20).rev().collect();
    for (offset, limit) in [(0, 20), (0, 7), (7, 7), (14, 7), (19, 1), (20, 5), (500, 5), (0, 1), (3, 0)] {
        let page = search(&store, &name, SearchQuery { offset, limit, ..query(&[(1, 1.0)]) }).await;
        let expected: Vec<_> = whole.iter().copied().skip(offset).take(limit).collect();
        assert_eq!(numbers(&page), expected, "limit {limit}, offset {offset}");
    }
}

/// The threshold is inclusive.
pub async fn the_score_threshold_is_inclusive(store: Arc<dyn VectorStore>) {
    let points: Vec<_> = (1..=8).map(|id| point(id, &[(1, id as f32 / 8.0)])).collect();
    let name = create_with_points(&store, &points).await;
    for (threshold, expected) in [(0.5, vec![8, 7, 6, 5, 4]), (0.51, vec![8, 7, 6, 5]), (1.0, vec![8]), (1.1, vec![])] {
        let hits = search(&store, &name, SearchQuery { score_threshold: Some(threshold), ..query(&[(1, 1.0)]) }).await;
        assert_eq!(numbers(&hits), expected, "threshold {threshold}");
    }
}

pub async fn an_empty_query_finds_nothing(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(1, &[(1, 1.0)])]).await;
    assert_eq!(search(&store, &name, query(&[])).await, []);
}

/// Payload and vectors are returned on request, the client's id always.
pub async fn hits_contain_the_requested_fields(store: Arc<dyn VectorStore>) {
    let kept = payload(json!({ "title": "A", "nested": { "n": 1 } }));
    let vector = sparse(&[(1, 0.5), (4, 2.0)]);
    let id = DocumentId::Key("a key".into());
    let document = Document {
        id: id.clone(),
        text: "text".into(),
        payload: kept.clone(),
        dense: Default::default(),
        version: None,
    };
    let name = create_with_points(&store, &[Point::new(document, vector.clone(), "")]).await;
    for with_payload in [false, true] {
        for with_vector in [false, true] {
            let vectors = if with_vector { WithVectors::sparse(VECTOR) } else { WithVectors::default() };
            let hits = search(&store, &name, SearchQuery { with_payload, vectors, ..query(&[(1, 1.0)]) }).await;
            let asked = format!("with_payload {with_payload}, with_vector {with_vector}");
            let [hit] = hits.as_slice() else { panic!("{hits:?}, {asked}") };
            assert_eq!((&hit.id, hit.score), (&id, 0.5), "{asked}");
            assert_eq!(hit.payload, if with_payload { kept.clone() } else { Payload::default() }, "{asked}");
            assert_eq!(hit.sparse, with_vector.then(|| vector.clone()), "{asked}");
        }
    }
}

/// Lossy datatypes and an on-disk index find the same points, with approximately equal scores.
pub async fn every_datatype_finds_the_points(store: Arc<dyn VectorStore>) {
    for (datatype, tolerance) in [(Datatype::Float32, 0.0), (Datatype::Float16, 0.01), (Datatype::Uint8, 0.1)] {
        for on_disk_index in [false, true] {
            let name = create(&store, &CollectionSpec { datatype, on_disk_index, ..spec() }).await;
            let points = [point(1, &[(1, 0.25), (2, 2.0)]), point(2, &[(1, 1.0)]), point(3, &[(3, 1.0)])];
            store.upsert(&name, VECTOR, &points).await.expect("an upsert");
            let hits = search(&store, &name, query(&[(1, 1.0), (2, 1.0)])).await;
            assert_eq!(numbers(&hits), [1, 2], "{datatype:?}");
            for (hit, exact) in hits.iter().zip([2.25, 1.0]) {
                assert!((hit.score - exact).abs() <= tolerance, "{datatype:?}: {} for {exact}", hit.score);
            }
        }
    }
}

pub async fn searching_an_unknown_vector_is_refused(store: Arc<dyn VectorStore>) {
    let name = create_with_points(&store, &[point(1, &[(1, 1.0)])]).await;
    let searched = store.search(&name, SearchQuery { vector_name: "other".into(), ..query(&[(1, 1.0)]) }).await;
    assert!(matches!(searched, Err(StoreError::Refused(_))), "{searched:?}");
    let upserted = store.upsert(&name, "other", &[point(2, &[(1, 1.0)])]).await;
    assert!(matches!(upserted, Err(StoreError::Refused(_))), "{upserted:?}");
    let retrieved = store.retrieve(&name, &[PointId::Num(1)], &WithVectors::sparse("other")).await;
    assert!(matches!(retrieved, Err(StoreError::Refused(_))), "{retrieved:?}");
}
