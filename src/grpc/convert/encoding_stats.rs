//! Statistics of an encoded text.

use super::count::to_count;
use crate::pipeline::{Encoded, Indexed};
use crate::proto::EncodingStats;
use crate::types::{Pruned, SparseVector};

impl From<&Encoded> for EncodingStats {
    fn from(encoded: &Encoded) -> Self {
        let Encoded { ref vector, tokens, windows, truncated, pruned, took: _ } = *encoded;
        Self {
            token_count: to_count(tokens),
            window_count: to_count(windows),
            truncated,
            ..vector_stats(vector, pruned)
        }
    }
}

impl From<&Indexed> for EncodingStats {
    fn from(indexed: &Indexed) -> Self {
        let Indexed { tokens, windows, truncated, terms, pruned } = *indexed;
        Self { token_count: to_count(tokens), window_count: to_count(windows), truncated, ..term_stats(terms, pruned) }
    }
}

/// Describes a vector without a text.
pub fn vector_stats(vector: &SparseVector, pruned: Pruned) -> EncodingStats {
    term_stats(vector.len(), pruned)
}

fn term_stats(terms: usize, pruned: Pruned) -> EncodingStats {
    EncodingStats {
        term_count: to_count(terms),
        pruned_term_count: to_count(pruned.terms),
        pruned_weight: pruned.weight,
        ..EncodingStats::default()
    }
}
