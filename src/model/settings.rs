//! What the files of a model's folder say about it: Hugging Face's `config.json` and what sentence-transformers adds.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::families::Family;
use super::{ModelError, files, weights};

const TOKENIZER_CONFIG: &str = "tokenizer_config.json";

/// The largest size of any part of a model.
const MAX_SIZE: u64 = 1 << 31;
/// The most positions: eight times what the longest encoders of today have. Some models have no tensor of positions to hold
/// `config.json` against, and tables of angles are as long as it says.
const MAX_POSITIONS: usize = 1 << 16;

/// How the weights of a text's tokens become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The largest (SPLADE v2, arXiv:2109.10086).
    #[default]
    Max,
    /// Their sum (SPLADE, arXiv:2107.05720).
    Sum,
}

/// How a logit becomes a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermActivation {
    /// log(1 + relu(x)).
    #[default]
    Relu,
    /// log(1 + log(1 + relu(x))), as the inference-free models of OpenSearch have it.
    #[serde(rename = "log1p_relu")]
    Log1pRelu,
}

/// All that is known of a model before its weights are read.
#[derive(Debug, Clone)]
pub struct Settings {
    pub family: Family,
    /// The Hugging Face class, such as `BertForMaskedLM`.
    pub architecture: String,
    /// Rows of the word embedding.
    pub vocabulary_size: usize,
    /// The most tokens of a text that are encoded, special ones included.
    pub max_length: usize,
    pub pooling: Pooling,
    pub activation: TermActivation,
    /// Whether the text is made lower case before it is tokenized.
    pub lower_case: bool,
    /// `config.json`, as it is.
    pub config: Value,
    pub config_path: PathBuf,
    pub tokenizer_path: PathBuf,
    /// The files of the weights.
    pub weights: Vec<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
/// The configuration of a `SpladePooling`.
pub struct PoolingConfig {
    pooling_strategy: Pooling,
    activation_function: TermActivation,
}

/// How texts become tokens.
#[derive(Debug, Clone)]
pub struct TokenizerSettings {
    /// `tokenizer.json`.
    pub path: PathBuf,
    /// How many tokens there are embeddings for, where that is known.
    pub vocabulary_size: Option<usize>,
    /// The most tokens of a text, special ones included; `None` for no limit.
    pub max_length: Option<usize>,
    /// Whether the text is made lower case before.
    pub lower_case: bool,
    /// Whether a text gets special tokens around it.
    pub special_tokens: bool,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TransformerConfig {
    max_seq_length: Option<usize>,
    do_lower_case: bool,
}

impl Settings {
    /// Reads the folder of a transformer.
    ///
    /// # Errors
    /// A file that is missing, is not JSON, or says what this service can't do; each by name.
    pub fn read(base: &Path, pooling: PoolingConfig) -> Result<Self, ModelError> {
        let config_path = base.join("config.json");
        let config: Value = read_json(&config_path)?;
        let (family, architecture) = Family::of(&config).map_err(|problem| ModelError::file(&config_path, problem))?;
        let size = |key: &str| size(&config, key).map_err(|problem| ModelError::file(&config_path, problem));
        let vocabulary_size = size("vocab_size")?;
        let positions = family.positions(&config).map_err(|problem| ModelError::file(&config_path, problem))?;
        if positions > MAX_POSITIONS {
            let problem = format!("`max_position_embeddings` is {positions}; at most {MAX_POSITIONS} are supported");
            return Err(ModelError::file(&config_path, problem));
        }
        let transformer: TransformerConfig =
            read_optional(&base.join("sentence_bert_config.json"))?.unwrap_or_default();
        Ok(Self {
            family,
            architecture,
            vocabulary_size,
            max_length: max_length(base, transformer.max_seq_length, positions)?,
            pooling: pooling.pooling_strategy,
            activation: pooling.activation_function,
            lower_case: transformer.do_lower_case,
            config,
            config_path,
            tokenizer_path: base.join("tokenizer.json"),
            weights: weights::files(base)?,
        })
    }

    /// How its texts become tokens.
    pub fn tokenizer(&self) -> TokenizerSettings {
        TokenizerSettings {
            path: self.tokenizer_path.clone(),
            vocabulary_size: Some(self.vocabulary_size),
            max_length: Some(self.max_length),
            lower_case: self.lower_case,
            special_tokens: true,
        }
    }

    /// The files that decide its vectors.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.config_path, &self.tokenizer_path].into_iter().chain(&self.weights)
    }

    /// A positive whole number of `config.json`.
    pub fn size(&self, key: &str) -> Result<usize, ModelError> {
        size(&self.config, key).map_err(|problem| ModelError::file(&self.config_path, problem))
    }
}

/// A positive whole number of a configuration, small enough for a few of them to be added or doubled.
pub fn size(config: &Value, key: &str) -> Result<usize, String> {
    let number = config.get(key).and_then(Value::as_u64).filter(|number| (1..=MAX_SIZE).contains(number));
    let problem = || format!("`{key}` is not a positive whole number up to {MAX_SIZE}");
    number.and_then(|number| usize::try_from(number).ok()).ok_or_else(problem)
}

/// What sentence-transformers takes: its own setting, else the tokenizer's, and never more than there are positions.
fn max_length(base: &Path, configured: Option<usize>, positions: usize) -> Result<usize, ModelError> {
    let of_tokenizer = tokenizer_max_length(base)?;
    let length = configured.or(of_tokenizer).unwrap_or(positions).min(positions);
    if length < 3 {
        let problem = format!("a max length of {length} leaves no room for a text");
        return Err(ModelError::file(&base.join(TOKENIZER_CONFIG), problem));
    }
    Ok(length)
}

/// The tokenizer's own limit. "No limit" is written as 1e30, which is no u64.
pub fn tokenizer_max_length(base: &Path) -> Result<Option<usize>, ModelError> {
    let tokenizer: Option<Value> = read_optional(&base.join(TOKENIZER_CONFIG))?;
    let length = tokenizer.as_ref().and_then(|config| config.get("model_max_length")).and_then(Value::as_u64);
    Ok(length.and_then(|length| usize::try_from(length).ok()))
}

/// A JSON file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    read_optional(path)?.ok_or_else(|| ModelError::file(path, "the file is missing"))
}

/// A JSON file; `None` if it is not there.
pub fn read_optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ModelError> {
    let text = match files::read(path, files::MAX_JSON_BYTES) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ModelError::file(path, error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| ModelError::file(path, error))
}
