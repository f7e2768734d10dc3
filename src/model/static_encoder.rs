//! Inference-free queries: each token of a text has its weight from a table (Geng et al., 2024, arXiv:2411.04403), so that a
//! query costs no more than its tokens.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::bail;
use serde::Deserialize;

use super::settings::{TokenizerSettings, read_json, read_optional, tokenizer_max_length};
use super::weights::{self, Weights};
use super::{Encoder, EncoderOutput, ModelError, NonFiniteOutput, TokenBatch, Tokenizer, files};
use crate::types::SparseVector;

/// What is known of a static side before its weights are read.
pub struct StaticSettings {
    folder: PathBuf,
    pub tokenizer: TokenizerSettings,
    /// Weights by token; `None`: they are in a tensor.
    idf: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StaticConfig {
    path: Option<String>,
}

impl StaticSettings {
    /// Reads the folder of a `SparseStaticEmbedding` in the model's folder `root`.
    ///
    /// # Errors
    /// A file that is missing or is not JSON, by name.
    pub fn read(root: &Path, folder: &Path) -> Result<Self, ModelError> {
        let config_path = folder.join("config.json");
        let config: StaticConfig = read_optional(&config_path)?.unwrap_or_default();
        // sentence-transformers looks for it in the working directory; published models have it in their root.
        let idf = config.path.map(|name| match (files::inside(folder, &name), files::inside(root, &name)) {
            (Some(own), _) if own.exists() => Ok(own),
            (_, Some(of_root)) => Ok(of_root),
            _ => {
                Err(ModelError::file(&config_path, format!("`path` is `{name}`, which is outside the model's folder")))
            }
        });
        let idf = idf.transpose()?;
        let tokenizer = TokenizerSettings {
            path: folder.join("tokenizer.json"),
            vocabulary_size: None,
            max_length: tokenizer_max_length(folder)?,
            lower_case: false,
            special_tokens: false,
        };
        Ok(Self { folder: folder.to_owned(), tokenizer, idf })
    }

    /// The files that decide its vectors.
    pub fn files(&self) -> Result<Vec<PathBuf>, ModelError> {
        let mut files = vec![self.tokenizer.path.clone()];
        match &self.idf {
            Some(idf) => files.push(idf.clone()),
            None => files.extend(weights::files(&self.folder)?),
        }
        Ok(files)
    }
}

/// The weight of each token of the vocabulary.
#[derive(Debug)]
pub struct StaticEncoder {
    weights: Vec<f32>,
}

impl StaticEncoder {
    /// Reads the table.
    ///
    /// # Errors
    /// A file that is missing or damaged, or has weights for another vocabulary.
    pub fn load(settings: &StaticSettings, tokenizer: &Tokenizer) -> Result<Self, ModelError> {
        let size = tokenizer.vocabulary_size();
        let Some(idf) = &settings.idf else {
            let weights = Weights::open(&weights::files(&settings.folder)?)?;
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
    fn encode(&self, batch: &TokenBatch, _between: &mut dyn FnMut()) -> candle_core::Result<Vec<EncoderOutput>> {
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
        let outputs = encoder.encode(&batch, &mut || {}).unwrap();
        let vector = SparseVector::new(vec![0, 2], vec![0.5, 0.25]).unwrap();
        assert_eq!(outputs, [Ok(vector), Err(NonFiniteOutput), Ok(SparseVector::default())]);
        assert!(encoder.encode(&TokenBatch::from_iter([&[3][..]]), &mut || {}).is_err());
    }
}
