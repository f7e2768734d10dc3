//! The store contract: each property is a function, and [`contract_tests!`] turns each into a test of a store.
//!
//! Every test creates its own collections, so tests can share a store. Weights are multiples of an eighth: their
//! products and sums are exact, so scores can be compared for equality.

mod aliases;
mod filters;
mod scrolling;
mod searching;
mod versions;
mod writing;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use serde_json::{Value, json};
use splade_sidecar::store::{SearchQuery, VectorStore, WithVectors};
use splade_sidecar::types::{
    CollectionSpec, Datatype, DenseSpec, Distance, DocumentId, Fingerprint, Payload, Point, PointId, Sharding,
    SparseVector, StoredPoint,
};

pub use self::aliases::*;
pub use self::filters::*;
pub use self::scrolling::*;
pub use self::searching::*;
pub use self::versions::*;
pub use self::writing::*;

/// Defines a test of every property, on each of the stores that `$open` returns as pairs of an `Arc<dyn VectorStore>`
/// and a guard that must outlive it.
macro_rules! contract_tests {
    ($open:path) => {
        crate::store_contract::contract_tests! { $open:
            a_collection_returns_its_specification,
            a_collection_is_created_once,
            all_collections_are_listed,
            calls_to_a_missing_collection_return_not_found,
            an_upsert_replaces_the_whole_point,
            the_last_of_two_points_with_one_id_stays,
            upserted_points_are_retrieved_exactly,
            a_point_without_terms_is_kept_and_never_found,
            a_deleted_point_is_gone,
            digests_are_stored_with_points,
            empty_batches_succeed,
            a_batch_with_an_invalid_vector_is_refused,
            concurrent_upserts_all_arrive,
            a_closed_store_refuses,
            scores_are_dot_products_best_first,
            points_without_a_shared_term_are_not_found,
            search_pages_are_slices_of_one_result_list,
            the_score_threshold_is_inclusive,
            an_empty_query_finds_nothing,
            hits_contain_the_requested_fields,
            every_datatype_finds_the_points,
            searching_an_unknown_vector_is_refused,
            filters_select_the_expected_points,
            a_filter_does_not_change_scores,
            an_invalid_field_path_is_refused,
            scrolling_returns_every_point_in_id_order,
            scrolling_returns_the_requested_dense_vectors,
            every_read_returns_the_requested_vectors,
            scrolling_nothing_returns_an_empty_page,
            every_call_accepts_an_alias,
            an_alias_is_switched_in_one_step,
            an_alias_and_a_collection_cannot_share_a_name,
            a_deleted_alias_is_gone,
            the_newest_version_stays,
            a_point_without_a_version_is_the_oldest,
            an_old_delete_spares_a_new_version,
        }
    };
    ($open:path: $($law:ident),* $(,)?) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $law() {
            for (store, _guard) in $open() {
                crate::store_contract::$law(store.clone()).await;
                store.close().await.expect("the store closes");
            }
        }
    )*};
}
pub(crate) use contract_tests;

/// The name of the sparse vector of the collections.
const VECTOR: &str = "splade";

fn spec() -> CollectionSpec {
    CollectionSpec {
        vector_name: VECTOR.into(),
        on_disk_index: false,
        datatype: Datatype::Float32,
        dense: BTreeMap::new(),
        model: "splade-tiny".into(),
        fingerprint: Some(Fingerprint("ab".repeat(32))),
        dtype: "float32".into(),
        incarnation: "f47ac10b-58cc-4372-a567-0e02b2c3d479".into(),
        sharding: Sharding::single(),
    }
}

fn spec_with_dense(name: &str, size: u32) -> CollectionSpec {
    CollectionSpec { dense: [(name.to_owned(), DenseSpec { size, distance: Distance::Cosine })].into(), ..spec() }
}

/// Returns a collection name that is unique, also across runs on one server.
fn fresh_name() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let now = SystemTime::UNIX_EPOCH.elapsed().expect("a time after 1970").as_nanos();
    format!("contract-{now}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

async fn create(store: &Arc<dyn VectorStore>, spec: &CollectionSpec) -> String {
    let name = fresh_name();
    store.create_collection(&name, spec).await.expect("a collection is created");
    name
}

/// Creates a collection with these points.
async fn create_with_points(store: &Arc<dyn VectorStore>, points: &[Point]) -> String {
    let name = create(store, &spec()).await;
    store.upsert(&name, VECTOR, points).await.expect("points are upserted");
    name
}

fn sparse(entries: &[(u32, f32)]) -> SparseVector {
    let (indices, values) = entries.iter().copied().unzip();
    SparseVector::new(indices, values).expect("a sparse vector")
}

fn payload(value: Value) -> Payload {
    match value {
        Value::Object(payload) => payload,
        other => panic!("expected a JSON object, got {other}"),
    }
}

fn point(id: u64, entries: &[(u32, f32)]) -> Point {
    Point {
        id: PointId::Num(id),
        sparse: sparse(entries),
        dense: BTreeMap::new(),
        payload: payload(json!({ "n": id })),
    }
}

/// Returns a query that returns all matches of a test.
fn query(entries: &[(u32, f32)]) -> SearchQuery {
    SearchQuery {
        vector_name: VECTOR.into(),
        vector: sparse(entries),
        filter: None,
        limit: 1_000,
        offset: 0,
        score_threshold: None,
        with_payload: true,
        vectors: WithVectors::default(),
    }
}

async fn search(store: &Arc<dyn VectorStore>, name: &str, query: SearchQuery) -> Vec<StoredPoint> {
    store.search(name, query).await.expect("a search")
}

async fn retrieve(store: &Arc<dyn VectorStore>, name: &str, ids: &[u64]) -> Vec<StoredPoint> {
    let ids: Vec<_> = ids.iter().copied().map(PointId::Num).collect();
    let mut points = store.retrieve(name, &ids, &WithVectors::sparse(VECTOR)).await.expect("points are retrieved");
    points.sort_by_key(|point| point.id.to_point_id());
    points
}

async fn count(store: &Arc<dyn VectorStore>, name: &str) -> u64 {
    store.get_collection(name).await.expect("an answer").expect("the collection").point_count
}

fn numbers(points: &[StoredPoint]) -> Vec<u64> {
    let number = |point: &StoredPoint| match &point.id {
        DocumentId::Num(number) => *number,
        other => panic!("expected a numeric id, got {other:?}"),
    };
    points.iter().map(number).collect()
}
