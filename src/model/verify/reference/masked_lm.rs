//! A masked language model of candle-transformers.

use candle_core::Tensor;

/// Maximum number of tokens of a text that is compared. candle-transformers builds the matrices of all pairs of tokens
/// and of all tokens and terms, so its memory grows with the square of the text.
pub const MAX_TOKENS: usize = 1024;

/// A masked language model of candle-transformers.
pub trait MaskedLm {
    /// Returns the logits `[1, tokens, vocabulary]` of one sequence `[1, tokens]`.
    ///
    /// # Errors
    /// If the arithmetic fails.
    fn logits(&self, ids: &Tensor) -> candle_core::Result<Tensor>;
}
