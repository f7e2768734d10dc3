//! What the encoder threads give back.

use std::time::Duration;

use crate::types::{Pruned, SparseVector};

/// An encoded text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Encoded {
    pub vector: SparseVector,
    /// Tokens that were encoded, special ones included; over all windows, so what overlaps counts in each.
    pub tokens: usize,
    /// Windows that were encoded: one, unless the text is longer than the model takes and windows were asked for.
    pub windows: usize,
    /// Whether the text was cut to the model's max length.
    pub truncated: bool,
    pub pruned: Pruned,
    pub took: Took,
}

/// How long the steps of a text's encoding took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Took {
    /// It waited for an encoder thread, and for its batch.
    pub waiting: Duration,
    pub tokenizing: Duration,
    /// The whole batch, or all batches of its windows.
    pub encoding: Duration,
}
