//! A search in one collection.

use super::WithVectors;
use crate::types::{Filter, SparseVector};

/// A query vector, and which matches to return.
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
    /// The vectors to return.
    pub vectors: WithVectors,
}
