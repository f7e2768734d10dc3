//! What is known of a network before its weights are read: `config.json`, pooling, and where the weights are.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::hub::lora_adapter;
use super::tokenizer_files::TokenizerFiles;
use super::{Config, ModelError, files, keys, weights};

/// Maximum number of positions: eight times what the longest encoders of today have. Some models have no tensor of
/// positions to hold `config.json` against, and tables of angles are as long as it says.
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

/// A transformer with its pooling.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where its files are.
    pub directory: PathBuf,
    pub config: Config,
    /// Rows of the word embedding.
    pub vocabulary_size: usize,
    /// Number of tokens that there are positions for.
    pub positions: usize,
    pub pooling: Pooling,
    pub activation: TermActivation,
    /// The files of the weights.
    pub weights: Vec<PathBuf>,
}

/// The configuration of a `SpladePooling`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct PoolingConfig {
    pooling_strategy: Pooling,
    activation_function: TermActivation,
}

impl PoolingConfig {
    /// Reads the `config.json` of a `SpladePooling`; without one it has its defaults.
    ///
    /// # Errors
    /// If it is not JSON, or a key is refused.
    pub fn read(directory: &Path, unknown: &mut Vec<String>) -> Result<Self, ModelError> {
        let path = directory.join("config.json");
        let Some(config) = read_optional::<Value>(&path)? else { return Ok(Self::default()) };
        unknown.extend(keys::SPLADE_POOLING.check(&path, &config)?);
        serde_json::from_value(config).map_err(|error| ModelError::file(&path, error))
    }
}

/// How texts of a role become tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenizerSettings {
    pub files: TokenizerFiles,
    /// How many tokens there are embeddings for, where that is known.
    pub vocabulary_size: Option<usize>,
    /// Maximum number of tokens of a text, special ones included; `None` for no limit.
    pub max_length: Option<usize>,
    /// What is put before each text.
    pub prompt: String,
    /// Whether a text gets special tokens around it.
    pub special_tokens: bool,
}

impl Settings {
    /// Reads the directory of a transformer. `is_saved_module`: it belongs to a directory with a `modules.json`.
    ///
    /// # Errors
    /// A file that is missing, is not JSON, or says what is not supported; each by name.
    pub fn read(
        directory: &Path,
        pooling: PoolingConfig,
        is_saved_module: bool,
        unknown: &mut Vec<String>,
    ) -> Result<Self, ModelError> {
        if let Some((path, explanation)) = lora_adapter(directory) {
            return Err(ModelError::file(&path, format!("it is {explanation}")));
        }
        let path = directory.join("config.json");
        let config = Config::new(&path, &read_json::<Value>(&path)?, is_saved_module, unknown)?;
        let positions = config.class.family.positions(&config)?;
        if positions > MAX_POSITIONS {
            let problem = format!("`max_position_embeddings` is {positions}; at most {MAX_POSITIONS} are supported");
            return Err(config.problem(problem));
        }
        Ok(Self {
            directory: directory.to_owned(),
            vocabulary_size: config.size("vocab_size")?,
            positions,
            config,
            pooling: pooling.pooling_strategy,
            activation: pooling.activation_function,
            weights: weights::files(directory)?,
        })
    }

    /// The name of its class in transformers, such as `BertForMaskedLM`.
    pub fn class_name(&self) -> &'static str {
        self.config.class.name
    }
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
