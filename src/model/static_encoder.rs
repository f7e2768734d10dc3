//! Inference-free queries: each token of a text has its weight from a table (Geng et al., 2024, arXiv:2411.04403), so that a
//! query costs no more than its tokens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::bail;
use serde_json::Value;

use super::json_file::{read_json, read_optional_json};
use super::tokenizer_files::{TokenizerContext, TokenizerFiles};
use super::weights::{Weights, weight_files};
use super::{Encoder, EncoderOutput, ModelError, NonFiniteOutput, TokenBatch, Tokenizer, YieldPoint, files, keys};
use crate::types::SparseVector;

/// What is known of a table of weights before it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct StaticSettings {
    directory: PathBuf,
    pub tokenizer: TokenizerFiles,
    /// Weights by token; `None`: they are in a tensor.
    idf: Option<PathBuf>,
}

impl StaticSettings {
    /// Reads the directory of a `SparseStaticEmbedding` in the model's directory `root`.
    ///
    /// # Errors
    /// A file that is missing or is not JSON, or a key that is refused; by name.
    pub fn read(root: &Path, directory: &Path, unknown: &mut Vec<String>) -> Result<Self, ModelError> {
        let path = directory.join("config.json");
        let config = read_optional_json::<Value>(&path)?.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
        let problem = |problem: String| ModelError::file(&path, problem);
        // In the model's root, the file is that of the network, too.
        let is_shared = directory == root && config.get("model_type").is_some();
        if !is_shared {
            unknown.extend(keys::SPARSE_STATIC_EMBEDDING.check(&path, &config)?);
        }
        let idf = match config.get("path") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) if name.ends_with(".json") => Some(name),
            // sentence-transformers takes only a .json file for weights by token.
            Some(Value::String(_)) => None,
            Some(other) => return Err(problem(format!("`path` is {other}; expected the name of a .json file"))),
        };
        // sentence-transformers looks for it in the working directory, and published models have it in their root.
        let idf = idf.map(|name| match (files::inside(directory, name), files::inside(root, name)) {
            (_, Some(of_root)) if of_root.exists() => Ok(of_root),
            (Some(own), _) => Ok(own),
            _ => Err(problem(format!("`path` is `{name}`, which is outside the model's directory"))),
        });
        let context = TokenizerContext {
            model_type: config.get("model_type").and_then(Value::as_str),
            ..TokenizerContext::default()
        };
        let tokenizer = TokenizerFiles::read(directory, context, unknown)?;
        Ok(Self { directory: directory.to_owned(), tokenizer, idf: idf.transpose()? })
    }

    /// The files of its weights.
    ///
    /// # Errors
    /// If an index of shards is not one.
    pub fn weight_files(&self) -> Result<Vec<PathBuf>, ModelError> {
        match &self.idf {
            Some(idf) => Ok(vec![idf.clone()]),
            None => weight_files(&self.directory),
        }
    }

    /// The files that version 1 of the fingerprint covers.
    ///
    /// # Errors
    /// If an index of shards is not one.
    pub fn files(&self) -> Result<Vec<PathBuf>, ModelError> {
        Ok([self.tokenizer.path()].into_iter().chain(self.weight_files()?).collect())
    }
}

/// The weight of each token of the vocabulary.
#[derive(Debug)]
pub struct StaticEncoder {
    weights: Vec<f32>,
}

impl StaticEncoder {
    /// Reads the table. `size` is the number of terms; `tokenizer` gives the ids of tokens.
    ///
    /// # Errors
    /// A file that is missing or damaged, or has weights for another vocabulary.
    pub fn load(settings: &StaticSettings, tokenizer: &Tokenizer, size: usize) -> Result<Self, ModelError> {
        let Some(idf) = &settings.idf else {
            let weights = Weights::open(&weight_files(&settings.directory)?)?;
            let table = weights.tensor(&["weight".to_owned()], &[size])?.into_owned();
            return Self::new(table).map_err(|problem| weights.problem(problem));
        };
        let table: BTreeMap<String, f32> = read_json(idf)?;
        let mut weights = vec![0.0; size];
        for (token, weight) in table {
            match tokenizer.id(&token).and_then(|id| weights.get_mut(id as usize)) {
                Some(place) => *place = weight,
                None => return Err(ModelError::file(idf, format!("the tokenizer has no token `{token}`"))),
            }
        }
        Self::new(weights).map_err(|problem| ModelError::file(idf, problem))
    }

    /// The weight of a term.
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
    /// The vector of one sequence: a token counts once, however often it is there.
    fn vector(&self, ids: &[u32]) -> candle_core::Result<EncoderOutput> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut vector = SparseVector::default();
        for id in ids {
            let Some(&weight) = self.weights.get(id as usize) else { bail!("token {id} has no weight") };
            if vector.push(id, weight).is_err() {
                return Ok(Err(NonFiniteOutput));
            }
        }
        Ok(Ok(vector))
    }
}

impl Encoder for StaticEncoder {
    fn encode(&self, batch: &TokenBatch, _yield_point: &mut YieldPoint<'_>) -> candle_core::Result<Vec<EncoderOutput>> {
        batch.sequences().map(|ids| self.vector(ids)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_that_are_not_finite_are_never_dropped() {
        assert!(StaticEncoder::new(vec![1.0, f32::NAN]).is_err());
        assert!(StaticEncoder::new(vec![f32::INFINITY]).is_err());
        // Past the check, such a weight is an error of the texts that have its token.
        let encoder = StaticEncoder { weights: vec![0.5, f32::NAN, 0.25] };
        let batch = TokenBatch::from_iter([&[2, 0, 2][..], &[0, 1], &[]]);
        let outputs = encoder.encode(&batch, &mut YieldPoint::none()).unwrap();
        let vector = SparseVector::new(vec![0, 2], vec![0.5, 0.25]).unwrap();
        assert_eq!(outputs, [Ok(vector), Err(NonFiniteOutput), Ok(SparseVector::default())]);
        assert!(encoder.encode(&TokenBatch::from_iter([&[3][..]]), &mut YieldPoint::none()).is_err());
    }
}
