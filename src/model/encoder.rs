//! Token batches to sparse vectors.

use std::fmt;

use super::{TokenBatch, YieldPoint};
use crate::types::SparseVector;

/// The vector of a sequence, or the error that its output is not finite.
pub type EncoderOutput = Result<SparseVector, NonFiniteOutput>;

/// The model's output for a sequence is NaN or infinite: an intermediate value overflows, or the weights are not
/// finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model's output is not finite (NaN or infinity)")]
pub struct NonFiniteOutput;

/// Encodes packed batches. Works on the calling thread.
pub trait Encoder: fmt::Debug + Send + Sync + 'static {
    /// Returns one output for each sequence, in order. An output that is not finite does not affect the other
    /// sequences. Yields every few milliseconds, between two steps of the work.
    ///
    /// # Errors
    /// If the arithmetic fails, which a valid batch on a valid model does not.
    fn encode(&self, batch: &TokenBatch, yield_point: &mut YieldPoint<'_>) -> candle_core::Result<Vec<EncoderOutput>>;
}
