//! Token batches to sparse vectors.

use std::fmt;

use super::backend::Backend;
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
    transformer: Box<dyn Transformer>,
    head: Head,
}

impl SpladeEncoder {
    /// Reads and packs the weights.
    ///
    /// # Errors
    /// If a tensor is missing or of another shape than `config.json` says.
    pub fn load(settings: &Settings, backend: &Backend) -> Result<Self, ModelError> {
        let weights = Weights::open(&settings.weights)?;
        let (transformer, head) = settings.family.build(settings, &weights, backend)?;
        Ok(Self { transformer, head })
    }
}

impl fmt::Debug for SpladeEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpladeEncoder").finish_non_exhaustive()
    }
}

impl Encoder for SpladeEncoder {
    fn encode(&self, batch: &TokenBatch, between: &mut dyn FnMut()) -> candle_core::Result<Vec<SparseVector>> {
        let hidden = self.transformer.forward(batch, between)?;
        self.head.forward(&hidden, batch.bounds(), between)
    }
}
