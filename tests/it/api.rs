//! Every gRPC call on real sockets: its results and its errors.

mod aliases;
mod bad_documents;
mod collections;
mod documents;
mod draining;
mod encode;
mod explain;
mod failed;
mod filters;
mod ids;
mod ingest;
mod listing;
mod long_texts;
mod metrics;
mod models;
mod nonfinite;
mod opened;
mod operations;
mod paging;
mod pruning;
mod refusals;
mod restart;
mod search;
mod server;
mod sockets;
mod tei;
#[cfg(feature = "otlp")]
mod traces;
mod unchanged;
mod unknown_fields;
mod versions;

use splade_sidecar::proto::{
    DocumentId, EncodingOptions, Hit, LongText, OperationResult, OperationStatus, Pruning, Query, ReturnOptions,
    SearchRequest, SparseVector, StoredDocument,
};

use crate::support::documents::expect_stats;
use crate::support::queries::text_query;
use crate::support::sidecar::Sidecar;

/// Returns a text query that matches all documents of a test.
fn by_text(collection: &str, text: &str) -> SearchRequest {
    let query = Some(text_query(text));
    SearchRequest { collection: collection.to_owned(), query, limit: 1_000, ..Default::default() }
}

/// Returns a text query with these encoding options.
fn encoded_query(text: &str, encoding: EncodingOptions) -> Option<Query> {
    Some(Query { encoding: Some(encoding), ..text_query(text) })
}

/// Returns encoding options with these pruning rules.
fn pruned(pruning: Pruning) -> EncodingOptions {
    EncodingOptions { pruning: Some(pruning), ..Default::default() }
}

/// Returns encoding options with this long-text policy.
fn long_texts(long_text: LongText) -> EncodingOptions {
    EncodingOptions { long_text: long_text.into(), ..Default::default() }
}

/// Requests sparse vectors in addition to the payload.
fn with_vectors() -> Option<ReturnOptions> {
    Some(ReturnOptions { with_sparse_vectors: true, ..Default::default() })
}

async fn search(sidecar: &Sidecar, request: SearchRequest) -> Vec<Hit> {
    sidecar.index_client().await.search(request).await.unwrap().into_inner().hits
}

fn ids(hits: &[Hit]) -> Vec<DocumentId> {
    hits.iter().map(|hit| hit_id(hit).clone()).collect()
}

fn hit_document(hit: &Hit) -> &StoredDocument {
    hit.document.as_ref().unwrap()
}

fn hit_id(hit: &Hit) -> &DocumentId {
    hit_document(hit).id.as_ref().unwrap()
}

/// Returns the sparse vector of a stored document, which has the default name.
fn stored_vector(document: &StoredDocument) -> Option<&SparseVector> {
    document.sparse_vectors.get("splade")
}

fn dot(a: &SparseVector, b: &SparseVector) -> f32 {
    let weight = |index: &u32| b.indices.binary_search(index).map_or(0.0, |at| b.values[at]);
    a.indices.iter().zip(&a.values).map(|(index, value)| value * weight(index)).sum()
}

/// Returns whether two scores are equal up to rounding: the order of summation may differ.
fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-4 * a.abs().max(1.0)
}

fn assert_indexed(results: &[OperationResult]) {
    for result in results {
        assert_eq!(result.status(), OperationStatus::Indexed, "{result:?}");
        assert_eq!(result.error, None);
        assert!(expect_stats(result).token_count > 2 && expect_stats(result).term_count > 0, "{result:?}");
    }
}
