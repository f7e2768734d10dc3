//! SPLADE encoder: a transformer with a SPLADE head.
//!
//! See docs/adr/0018-packed-batches.md.

use std::fmt;

use super::backend::Backend;
use super::families;
use super::head::SpladeHead;
use super::transformer::Transformer;
use super::weights::Weights;
use super::{Encoder, EncoderOutput, ModelError, TokenBatch, TransformerSettings, YieldPoint};

/// Maximum number of tokens that the kernels process at once, unless a single sequence is longer. Larger batches are
/// not faster on a CPU, and the limit bounds memory.
const MAX_KERNEL_TOKENS: usize = 512;

/// Transformer with a SPLADE head.
pub struct SpladeEncoder {
    transformer: Box<dyn Transformer>,
    head: SpladeHead,
    /// Maximum number of tokens per forward pass.
    max_tokens: usize,
}

impl SpladeEncoder {
    /// Reads and packs the weights.
    ///
    /// # Errors
    /// [`ModelError::File`] if a tensor is missing or its shape differs from the one that `config.json` implies.
    pub fn load(settings: &TransformerSettings, backend: &Backend) -> Result<Self, ModelError> {
        let weights = Weights::open(&settings.weight_paths)?;
        let (transformer, head) = families::build(settings, &weights, backend)?;
        let max_tokens = if matches!(backend, Backend::Kernels { .. }) { MAX_KERNEL_TOKENS } else { usize::MAX };
        Ok(Self { transformer, head, max_tokens })
    }
}

impl fmt::Debug for SpladeEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpladeEncoder").finish_non_exhaustive()
    }
}

impl Encoder for SpladeEncoder {
    fn encode(&self, batch: &TokenBatch, yield_point: &mut YieldPoint<'_>) -> candle_core::Result<Vec<EncoderOutput>> {
        let mut vectors = Vec::with_capacity(batch.len());
        for chunk in batch.split(self.max_tokens) {
            let hidden = self.transformer.forward(&chunk, yield_point)?;
            vectors.extend(self.head.forward(&hidden, chunk.bounds(), yield_point)?);
        }
        Ok(vectors)
    }
}
