//! How the logits of a text's tokens become its vector: the settings of a `SpladePooling`.

use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::super::json_file::read_optional_json;
use super::super::{ModelError, keys};

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

/// The configuration of a `SpladePooling`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub struct PoolingConfig {
    pub pooling_strategy: Pooling,
    pub activation_function: TermActivation,
}

impl PoolingConfig {
    /// Reads the `config.json` of a `SpladePooling`; without one it has its defaults.
    ///
    /// # Errors
    /// If it is not JSON, or a key is refused.
    pub fn read(directory: &Path, unknown_keys: &mut Vec<String>) -> Result<Self, ModelError> {
        let path = directory.join("config.json");
        let Some(config) = read_optional_json::<Value>(&path)? else { return Ok(Self::default()) };
        unknown_keys.extend(keys::SPLADE_POOLING.check(&path, &config)?);
        serde_json::from_value(config).map_err(|error| ModelError::file(&path, error))
    }
}
