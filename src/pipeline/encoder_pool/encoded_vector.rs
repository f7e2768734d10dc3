//! Results of the encoder threads.

use std::time::Duration;

use crate::types::{PruningStats, SparseVector};

/// Vector of a text, with statistics about its encoding.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EncodedVector {
    pub vector: SparseVector,
    /// Number of encoded tokens, including special tokens. Tokens in the overlap of two windows count in both.
    pub tokens: usize,
    /// Number of encoded windows: 1 unless the text is longer than the model's maximum and was encoded as windows.
    pub windows: usize,
    /// Set if the text was truncated to the model's maximum length.
    pub truncated: bool,
    pub pruned: PruningStats,
    pub timings: Timings,
}

/// Durations of the steps of a text's encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Time in the lane and in a thread's batch before encoding started.
    pub queue_time: Duration,
    pub tokenize_time: Duration,
    /// Encoding time of the text's whole batch, or of all batches with its windows.
    pub encode_time: Duration,
}
