//! What the files of a model's folder say about it: Hugging Face's `config.json` and what sentence-transformers adds.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::families::Family;
use super::{ModelError, weights};

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

#[derive(Deserialize)]
struct Module {
    path: String,
    r#type: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PoolingConfig {
    pooling_strategy: Pooling,
    activation_function: TermActivation,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TransformerConfig {
    max_seq_length: Option<usize>,
    do_lower_case: bool,
}

impl Settings {
    /// Reads a model's folder.
    ///
    /// # Errors
    /// A file that is missing, is not JSON, or says what this service can't do; each by name.
    pub fn read(folder: &Path) -> Result<Self, ModelError> {
        let modules_path = folder.join("modules.json");
        let modules: Vec<Module> = read_optional(&modules_path)?.unwrap_or_default();
        let mut base = folder.to_owned();
        let mut pooling = PoolingConfig::default();
        for module in &modules {
            let path = folder.join(&module.path);
            match module.r#type.rsplit('.').next().unwrap_or_default() {
                "MLMTransformer" | "Transformer" => base = path,
                "SpladePooling" => pooling = read_json(&path.join("config.json"))?,
                other => {
                    let problem =
                        format!("module `{other}` is not supported; expected MLMTransformer and SpladePooling");
                    return Err(ModelError::file(&modules_path, problem));
                }
            }
        }
        check_prompts(&folder.join("config_sentence_transformers.json"))?;
        Self::of_transformer(&base, pooling)
    }

    fn of_transformer(base: &Path, pooling: PoolingConfig) -> Result<Self, ModelError> {
        let config_path = base.join("config.json");
        let config: Value = read_json(&config_path)?;
        let (family, architecture) = Family::of(&config).map_err(|problem| ModelError::file(&config_path, problem))?;
        let size = |key: &str| size(&config, key).map_err(|problem| ModelError::file(&config_path, problem));
        let vocabulary_size = size("vocab_size")?;
        let positions = family.positions(&config).map_err(|problem| ModelError::file(&config_path, problem))?;
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

    /// A positive whole number of `config.json`.
    pub fn size(&self, key: &str) -> Result<usize, ModelError> {
        size(&self.config, key).map_err(|problem| ModelError::file(&self.config_path, problem))
    }
}

/// A prompt is put before each text; a model that wants one would get other vectors here than it should.
fn check_prompts(path: &Path) -> Result<(), ModelError> {
    let config: Value = read_optional(path)?.unwrap_or_default();
    let prompts = config.get("prompts").and_then(Value::as_object).into_iter().flatten();
    match prompts.filter(|(_, prompt)| prompt.as_str() != Some("")).map(|(name, _)| name).next() {
        None => Ok(()),
        Some(name) => Err(ModelError::file(path, format!("prompt `{name}`: models with prompts are not supported"))),
    }
}

/// A positive whole number of a configuration.
pub fn size(config: &Value, key: &str) -> Result<usize, String> {
    let number = config.get(key).and_then(Value::as_u64).filter(|&n| n > 0);
    number.and_then(|n| usize::try_from(n).ok()).ok_or_else(|| format!("`{key}` is not a positive whole number"))
}

/// What sentence-transformers takes: its own setting, else the tokenizer's, and never more than there are positions.
fn max_length(base: &Path, configured: Option<usize>, positions: usize) -> Result<usize, ModelError> {
    let path = base.join("tokenizer_config.json");
    let tokenizer: Option<Value> = read_optional(&path)?;
    // "No limit" is written as 1e30, which is no u64.
    let of_tokenizer = tokenizer.as_ref().and_then(|config| config.get("model_max_length")).and_then(Value::as_u64);
    let length = configured.or(of_tokenizer.and_then(|n| usize::try_from(n).ok())).unwrap_or(positions).min(positions);
    if length < 3 {
        return Err(ModelError::file(&path, format!("a max length of {length} leaves no room for a text")));
    }
    Ok(length)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    read_optional(path)?.ok_or_else(|| ModelError::file(path, "the file is missing"))
}

fn read_optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ModelError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ModelError::file(path, error)),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| ModelError::file(path, error))
}
