//! The interface of encoders: token batches to sparse vectors.

use std::fmt;

use super::{TokenBatch, YieldPoint};
use crate::types::SparseVector;

/// Vector of a sequence, or an error if the model's output is not finite.
pub type EncoderOutput = Result<SparseVector, NonFiniteOutput>;

/// Error for a sequence whose model output is NaN or infinite: an intermediate value overflows, or the weights are not
/// finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the model's output is not finite (NaN or infinity)")]
pub struct NonFiniteOutput;

/// Encodes packed batches on the calling thread.
pub trait Encoder: fmt::Debug + Send + Sync + 'static {
    /// Returns one output per sequence, in order. A non-finite output does not affect the other sequences. Yields every
    /// few milliseconds, between two steps of the work.
    ///
    /// # Errors
    /// If a tensor operation fails, which does not happen for a valid batch on a valid model.
    fn encode(&self, batch: &TokenBatch, yield_point: &mut YieldPoint<'_>) -> candle_core::Result<Vec<EncoderOutput>>;
}
