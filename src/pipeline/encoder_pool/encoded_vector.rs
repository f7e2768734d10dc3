//! What the encoder threads give back.

use std::time::Duration;

use crate::types::{PruningStats, SparseVector};

/// An encoded text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EncodedVector {
    pub vector: SparseVector,
    /// Tokens that were encoded, special ones included; over all windows, so what overlaps counts in each.
    pub tokens: usize,
    /// Windows that were encoded: one, unless the text is longer than the model takes and windows were asked for.
    pub windows: usize,
    /// Whether the text was cut to the model's max length.
    pub truncated: bool,
    pub pruned: PruningStats,
    pub timings: Timings,
}

/// How long the steps of a text's encoding took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// It waited for an encoder thread, and for its batch.
    pub queue_time: Duration,
    pub tokenize_time: Duration,
    /// The whole batch, or all batches of its windows.
    pub encode_time: Duration,
}
