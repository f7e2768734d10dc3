//! Lexical encoder: vectors without expansion terms, for example the queries of splade-v3-lexical.
//!
//! A `SparseStaticEmbedding` after a `SpladePooling` keeps the terms that are tokens of the text, including special
//! tokens, and multiplies each by its weight in the table.

use std::sync::Arc;

use super::static_encoder::StaticEncoder;
use super::{Encoder, EncoderOutput, NonFiniteOutput, TokenBatch, YieldPoint};
use crate::types::SparseVector;

/// Encoder that restricts the vectors of another encoder to the terms of the text.
#[derive(Debug)]
pub struct LexicalEncoder {
    inner: Arc<dyn Encoder>,
    weights: StaticEncoder,
}

impl LexicalEncoder {
    /// Wraps `inner`; `weights` has a factor for each term.
    pub fn new(inner: Arc<dyn Encoder>, weights: StaticEncoder) -> Self {
        Self { inner, weights }
    }

    fn keep_input_terms(&self, vector: &SparseVector, ids: &[u32]) -> EncoderOutput {
        let mut reduced = SparseVector::default();
        for (term, weight) in vector.iter().filter(|(term, _)| ids.contains(term)) {
            let factor = self.weights.weight(term).ok_or(NonFiniteOutput)?;
            reduced.push(term, weight * factor).map_err(|_| NonFiniteOutput)?;
        }
        Ok(reduced)
    }
}

impl Encoder for LexicalEncoder {
    fn encode(&self, batch: &TokenBatch, yield_point: &mut YieldPoint<'_>) -> candle_core::Result<Vec<EncoderOutput>> {
        let outputs = self.inner.encode(batch, yield_point)?;
        let reduced = outputs.into_iter().zip(batch.sequences());
        Ok(reduced.map(|(output, ids)| output.and_then(|vector| self.keep_input_terms(&vector, ids))).collect())
    }
}
