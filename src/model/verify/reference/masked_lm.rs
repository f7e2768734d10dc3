//! Interface of masked language models of candle-transformers.

use candle_core::Tensor;

/// Maximum number of tokens per compared text. candle-transformers materializes all scores of token pairs and all
/// logits, so its memory grows with the square of the length.
pub const MAX_TOKENS: usize = 1024;

/// A masked language model of candle-transformers.
pub trait MaskedLm {
    /// Returns the logits `[1, tokens, vocabulary]` of one sequence `[1, tokens]`.
    ///
    /// # Errors
    /// If a tensor operation fails.
    fn logits(&self, ids: &Tensor) -> candle_core::Result<Tensor>;
}
