//! Every call of the contract, on real sockets: what it does, and what it says when it can't.

mod aliases;
mod bad_documents;
mod collections;
mod encode;
mod explain;
mod filters;
mod ids;
mod ingest;
mod listing;
mod long_texts;
mod metrics;
mod models;
mod nonfinite;
mod pruning;
mod refusals;
mod restart;
mod search;
mod server;
mod sockets;
mod tei;
mod traces;
mod unchanged;

use splade_sidecar::proto::search_request::Query;
use splade_sidecar::proto::{DocumentId, DocumentResult, DocumentStatus, Hit, SearchRequest, SparseVector};

use crate::support::sidecar::Sidecar;

/// A search by text for everything that a test can have stored.
fn by_text(collection: &str, text: &str) -> SearchRequest {
    let query = Some(Query::Text(text.to_owned()));
    SearchRequest { collection: collection.to_owned(), query, limit: 1_000, ..Default::default() }
}

async fn search(sidecar: &Sidecar, request: SearchRequest) -> Vec<Hit> {
    sidecar.index().await.search(request).await.unwrap().into_inner().hits
}

fn ids(hits: &[Hit]) -> Vec<DocumentId> {
    hits.iter().map(|hit| hit.id.clone().unwrap()).collect()
}

fn dot(a: &SparseVector, b: &SparseVector) -> f32 {
    let weight = |index: &u32| b.indices.binary_search(index).map_or(0.0, |at| b.values[at]);
    a.indices.iter().zip(&a.values).map(|(index, value)| value * weight(index)).sum()
}

/// Whether two scores are the same but for the order in which their terms were added.
fn close(a: f32, b: f32) -> bool {
    (a - b).abs() <= 1e-4 * a.abs().max(1.0)
}

fn assert_indexed(results: &[DocumentResult]) {
    for result in results {
        assert_eq!(result.status(), DocumentStatus::Indexed, "{result:?}");
        assert_eq!(result.rejection, None);
        assert!(result.token_count > 2 && result.term_count > 0, "{result:?}");
    }
}
