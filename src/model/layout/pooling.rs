//! Pooling settings: the configuration of a `SpladePooling` module.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::super::json_file::read_optional_json;
use super::super::{ModelError, keys};

/// Pooling of the token weights of a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Maximum (SPLADE v2, arXiv:2109.10086).
    #[default]
    Max,
    /// Sum (SPLADE, arXiv:2107.05720).
    Sum,
}

/// Activation that maps a logit to a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermActivation {
    /// log(1 + relu(x)).
    #[default]
    Relu,
    /// log(1 + log(1 + relu(x))), used by OpenSearch's inference-free models.
    #[serde(rename = "log1p_relu")]
    Log1pRelu,
}

/// Configuration of a `SpladePooling`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct PoolingConfig {
    pub pooling_strategy: Pooling,
    pub activation_function: TermActivation,
}

impl PoolingConfig {
    /// Reads the `config.json` of a `SpladePooling`; returns the defaults if there is none.
    ///
    /// # Errors
    /// [`ModelError::File`] if it is not JSON or a key has an unsupported value.
    pub fn read(directory: &Path, unknown_keys: &mut Vec<String>) -> Result<Self, ModelError> {
        let path = directory.join("config.json");
        let Some(config) = read_optional_json::<Value>(&path)? else { return Ok(Self::default()) };
        unknown_keys.extend(keys::SPLADE_POOLING.check(&path, &config)?);
        serde_json::from_value(config).map_err(|error| ModelError::file(&path, error))
    }
}
