//! Inference-free encoder: looks up the weight of each token in a table (Geng et al., 2024, arXiv:2411.04403), so a
//! query costs no more than its tokenization.

use std::collections::BTreeMap;

use candle_core::bail;

use super::json_file::read_json;
use super::layout::StaticSettings;
use super::weights::{Weights, find_weight_files};
use super::{Encoder, EncoderOutput, ModelError, NonFiniteOutput, TokenBatch, Tokenizer, YieldPoint};
use crate::types::SparseVector;

/// Table of the weights of all vocabulary tokens.
#[derive(Debug)]
pub struct StaticEncoder {
    weights: Vec<f32>,
}

impl StaticEncoder {
    /// Reads the table with `vocabulary_size` terms; `tokenizer` maps tokens to ids.
    ///
    /// # Errors
    /// [`ModelError::File`] if a file is missing or damaged, a weight is not finite, or the vocabulary does not match.
    pub fn load(settings: &StaticSettings, tokenizer: &Tokenizer, vocabulary_size: usize) -> Result<Self, ModelError> {
        let Some(idf_path) = &settings.idf_path else {
            let weights = Weights::open(&find_weight_files(&settings.directory)?)?;
            let table = weights.tensor(&["weight".to_owned()], &[vocabulary_size])?.into_owned();
            return Self::new(table).map_err(|problem| weights.file_error(problem));
        };
        let table: BTreeMap<String, f32> = read_json(idf_path)?;
        let mut weights = vec![0.0; vocabulary_size];
        for (token, weight) in table {
            match tokenizer.token_to_id(&token).and_then(|id| weights.get_mut(id as usize)) {
                Some(slot) => *slot = weight,
                None => {
                    let problem = format!("token `{token}` does not exist in the tokenizer's vocabulary");
                    return Err(ModelError::file(idf_path, problem));
                }
            }
        }
        Self::new(weights).map_err(|problem| ModelError::file(idf_path, problem))
    }

    /// Returns the weight of a term.
    pub fn weight(&self, term: u32) -> Option<f32> {
        self.weights.get(term as usize).copied()
    }

    fn new(weights: Vec<f32>) -> Result<Self, String> {
        match weights.iter().position(|weight| !weight.is_finite()) {
            Some(token) => Err(format!("the weight of token {token} is not a finite number")),
            None => Ok(Self { weights }),
        }
    }
}

impl StaticEncoder {
    /// Encodes one sequence; repeated tokens count once.
    fn encode_sequence(&self, ids: &[u32]) -> candle_core::Result<EncoderOutput> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut vector = SparseVector::default();
        for id in ids {
            let Some(&weight) = self.weights.get(id as usize) else {
                bail!("token {id} is outside the table of weights")
            };
            if vector.push(id, weight).is_err() {
                return Ok(Err(NonFiniteOutput));
            }
        }
        Ok(Ok(vector))
    }
}

impl Encoder for StaticEncoder {
    fn encode(&self, batch: &TokenBatch, _yield_point: &mut YieldPoint<'_>) -> candle_core::Result<Vec<EncoderOutput>> {
        batch.sequences().map(|ids| self.encode_sequence(ids)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_are_not_finite_are_never_dropped() {
        assert!(StaticEncoder::new(vec![1.0, f32::NAN]).is_err());
        assert!(StaticEncoder::new(vec![f32::INFINITY]).is_err());
        // Without the check at load, such a weight is an error of the texts with its token.
        let encoder = StaticEncoder { weights: vec![0.5, f32::NAN, 0.25] };
        let batch = TokenBatch::from_iter([&[2, 0, 2][..], &[0, 1], &[]]);
        let outputs = encoder.encode(&batch, &mut YieldPoint::none()).unwrap();
        let vector = SparseVector::new(vec![0, 2], vec![0.5, 0.25]).unwrap();
        assert_eq!(outputs, [Ok(vector), Err(NonFiniteOutput), Ok(SparseVector::default())]);
        assert!(encoder.encode(&TokenBatch::from_iter([&[3][..]]), &mut YieldPoint::none()).is_err());
    }
}
