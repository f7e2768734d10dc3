//! Search request.

use super::WithVectors;
use crate::types::{Filter, SparseVector};

/// A search in one collection: query vector, filter, page and fields to return.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchQuery {
    pub vector_name: String,
    pub vector: SparseVector,
    pub filter: Option<Filter>,
    /// Maximum number of points to return.
    pub limit: usize,
    /// Number of best matches to skip.
    pub offset: usize,
    pub score_threshold: Option<f32>,
    pub with_payload: bool,
    /// Vectors to return with each point.
    pub vectors: WithVectors,
}
