//! What is known of a network before its weights are read: `config.json`, pooling, and where the weights are.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::ModelError;
use super::super::hub::find_lora_adapter;
use super::super::json_file::read_json;
use super::super::weights::find_weight_files;
use super::config::TransformerConfig;
use super::pooling::{Pooling, PoolingConfig, TermActivation};

/// Maximum number of positions: eight times what the longest encoders of today have. Some models have no tensor of
/// positions to hold `config.json` against, and tables of angles are as long as it says.
const MAX_POSITIONS: usize = 1 << 16;

/// A transformer with its pooling.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformerSettings {
    /// Where its files are.
    pub directory: PathBuf,
    pub config: TransformerConfig,
    /// Rows of the word embedding.
    pub vocabulary_size: usize,
    /// Number of tokens that there are positions for.
    pub max_positions: usize,
    pub pooling: Pooling,
    pub activation: TermActivation,
    /// The files of the weights.
    pub weight_paths: Vec<PathBuf>,
}

impl TransformerSettings {
    /// Reads the directory of a transformer. `is_saved_module`: it belongs to a directory with a `modules.json`.
    ///
    /// # Errors
    /// A file that is missing, is not JSON, or says what is not supported; each by name.
    pub fn read(
        directory: &Path,
        pooling: PoolingConfig,
        has_modules_file: bool,
        unknown_keys: &mut Vec<String>,
    ) -> Result<Self, ModelError> {
        if let Some((path, explanation)) = find_lora_adapter(directory) {
            return Err(ModelError::file(&path, format!("it is {explanation}")));
        }
        let path = directory.join("config.json");
        let config = TransformerConfig::new(&path, &read_json::<Value>(&path)?, has_modules_file, unknown_keys)?;
        let max_positions = config.max_positions()?;
        if max_positions > MAX_POSITIONS {
            let problem =
                format!("`max_position_embeddings` is {max_positions}; at most {MAX_POSITIONS} are supported");
            return Err(config.file_error(problem));
        }
        Ok(Self {
            directory: directory.to_owned(),
            vocabulary_size: config.get_size("vocab_size")?,
            max_positions,
            config,
            pooling: pooling.pooling_strategy,
            activation: pooling.activation_function,
            weight_paths: find_weight_files(directory)?,
        })
    }

    /// The name of its class in transformers, such as `BertForMaskedLM`.
    pub fn class_name(&self) -> &'static str {
        self.config.class.name
    }
}
