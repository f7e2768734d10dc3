//! Settings of a transformer, read before its weights: `config.json`, pooling and weight files.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::ModelError;
use super::super::hub::find_lora_adapter;
use super::super::json_file::read_json;
use super::super::weights::find_weight_files;
use super::config::TransformerConfig;
use super::pooling::{Pooling, PoolingConfig, TermActivation};

/// Maximum number of positions: eight times that of current long-context encoders. Some families have no position
/// tensor to validate `config.json` against, and the rotation tables are as long as it says.
const MAX_POSITIONS: usize = 1 << 16;

/// Settings of a transformer and its pooling.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformerSettings {
    /// Directory of the files.
    pub directory: PathBuf,
    pub config: TransformerConfig,
    /// Number of rows of the word embedding.
    pub vocabulary_size: usize,
    /// Maximum number of tokens for which there are positions.
    pub max_positions: usize,
    pub pooling: Pooling,
    pub activation: TermActivation,
    /// Weight files.
    pub weight_paths: Vec<PathBuf>,
}

impl TransformerSettings {
    /// Reads the directory of a transformer. `has_modules_file` is true if the model has a `modules.json`.
    ///
    /// # Errors
    /// [`ModelError::File`] if a file is missing, is not JSON, or has an unsupported setting.
    pub fn read(
        directory: &Path,
        pooling: PoolingConfig,
        has_modules_file: bool,
        unknown_keys: &mut Vec<String>,
    ) -> Result<Self, ModelError> {
        if let Some((path, explanation)) = find_lora_adapter(directory) {
            return Err(ModelError::file(&path, format!("the model is {explanation}")));
        }
        let path = directory.join("config.json");
        let config = TransformerConfig::new(&path, &read_json::<Value>(&path)?, has_modules_file, unknown_keys)?;
        let max_positions = config.max_positions()?;
        if max_positions > MAX_POSITIONS {
            let problem = format!("`max_position_embeddings` is {max_positions}; the maximum is {MAX_POSITIONS}");
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

    /// Returns the transformers class name, such as `BertForMaskedLM`.
    pub fn class_name(&self) -> &'static str {
        self.config.class.name
    }
}
