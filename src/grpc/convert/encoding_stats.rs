//! Statistics of encoded texts.

use super::count::to_count;
use crate::pipeline::{EncodedVector, IndexingStats};
use crate::proto::EncodingStats;
use crate::types::{PruningStats, SparseVector};

impl From<&EncodedVector> for EncodingStats {
    fn from(encoded: &EncodedVector) -> Self {
        let EncodedVector { ref vector, tokens, windows, truncated, pruned, timings: _ } = *encoded;
        Self {
            token_count: to_count(tokens),
            window_count: to_count(windows),
            truncated,
            ..to_vector_stats(vector, pruned)
        }
    }
}

impl From<&IndexingStats> for EncodingStats {
    fn from(indexed: &IndexingStats) -> Self {
        let IndexingStats { tokens, windows, truncated, terms, pruned } = *indexed;
        Self {
            token_count: to_count(tokens),
            window_count: to_count(windows),
            truncated,
            ..to_term_stats(terms, pruned)
        }
    }
}

/// Returns the statistics of a vector that has no text.
pub fn to_vector_stats(vector: &SparseVector, pruned: PruningStats) -> EncodingStats {
    to_term_stats(vector.len(), pruned)
}

fn to_term_stats(terms: usize, pruned: PruningStats) -> EncodingStats {
    EncodingStats {
        term_count: to_count(terms),
        pruned_term_count: to_count(pruned.terms),
        pruned_weight: pruned.weight,
        ..EncodingStats::default()
    }
}
