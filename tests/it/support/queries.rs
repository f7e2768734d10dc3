//! Builders of queries and filters.

use splade_sidecar::proto::condition::Test;
use splade_sidecar::proto::query::Kind;
use splade_sidecar::proto::{Condition, DocumentId, DocumentIds, Filter, Query, SparseVector};

/// Returns a text query.
pub fn text_query(text: &str) -> Query {
    Query { kind: Some(Kind::Text(text.to_owned())), ..Default::default() }
}

/// Returns a query with a sparse vector.
pub fn vector_query(vector: SparseVector) -> Query {
    Query { kind: Some(Kind::SparseVector(vector)), ..Default::default() }
}

/// Returns a filter that matches only these documents.
pub fn id_filter(ids: Vec<DocumentId>) -> Filter {
    let condition = Condition { path: String::new(), test: Some(Test::HasId(DocumentIds { ids })) };
    Filter { must: vec![condition], ..Default::default() }
}
