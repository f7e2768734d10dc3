//! Token batches to sparse vectors.

use std::fmt;

use super::head::Head;
use super::transformer::Transformer;
use super::weights::Weights;
use super::{ModelError, Settings, TokenBatch};
use crate::types::SparseVector;

/// Encodes packed batches. Works on the calling thread.
pub trait Encoder: fmt::Debug + Send + Sync + 'static {
    /// One vector a sequence, in order. Calls `between` every few milliseconds, between two steps of the work, so that
    /// the thread can look at more urgent work.
    ///
    /// # Errors
    /// If the arithmetic fails, which a valid batch on a valid model does not.
    fn encode(&self, batch: &TokenBatch, between: &mut dyn FnMut()) -> candle_core::Result<Vec<SparseVector>>;
}

/// A transformer under a SPLADE head.
pub struct SpladeEncoder {
    transformer: Transformer,
    head: Head,
}

impl SpladeEncoder {
    /// Reads and packs the weights.
    ///
    /// # Errors
    /// If a tensor is missing or of another shape than `config.json` says.
    pub fn load(settings: &Settings) -> Result<Self, ModelError> {
        let weights = Weights::open(&settings.weights_path)?;
        let (transformer, head) = settings.family.build(settings, &weights)?;
        Ok(Self { transformer, head })
    }
}

impl fmt::Debug for SpladeEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpladeEncoder").field("layers", &self.transformer.layers.len()).finish_non_exhaustive()
    }
}

impl Encoder for SpladeEncoder {
    fn encode(&self, batch: &TokenBatch, between: &mut dyn FnMut()) -> candle_core::Result<Vec<SparseVector>> {
        let hidden = self.transformer.forward(batch, between)?;
        self.head.forward(&hidden, batch.bounds(), between)
    }
}
