//! `config.json` of a transformer: its class, and its settings with the defaults of the class (transformers 5.23).

mod defaults;

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::super::ModelError;
use super::class::{ModelClass, resolve_class};
use super::family::Family;
use defaults::{build_defaults, list_aliases};

/// Maximum value of a size, so that products of a few sizes do not overflow.
const MAX_SIZE: u64 = 1 << 31;

/// Epsilon of DistilBERT's layer norms; transformers hard-codes it and ignores `config.json`.
const DISTILBERT_EPSILON: f64 = 1e-12;

/// Validated settings of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformerConfig {
    path: PathBuf,
    pub class: &'static ModelClass,
    /// All keys of the class: the value of the file, or the default of the class.
    pub values: Value,
    /// Keys that earlier builds interpreted differently: aliases, and keys that the class does not have.
    pub reinterpreted_keys: Vec<&'static str>,
}

impl TransformerConfig {
    /// Parses the object of a `config.json`. With `has_modules_file`, the class is selected by `model_type` alone. Adds
    /// unknown keys to `unknown_keys`.
    ///
    /// # Errors
    /// [`ModelError::File`] if the class is unsupported or a key has an unsupported value.
    pub fn new(
        path: &Path,
        file: &Value,
        has_modules_file: bool,
        unknown_keys: &mut Vec<String>,
    ) -> Result<Self, ModelError> {
        let file_error = |problem: String| ModelError::file(path, problem);
        let class = resolve_class(file, has_modules_file).map_err(file_error)?;
        unknown_keys.extend(class.family.keys().check(path, file)?);
        let mut values = build_defaults(class);
        for (key, value) in file.as_object().into_iter().flatten() {
            values.insert(key.clone(), value.clone());
        }
        let mut reinterpreted_keys = Vec::new();
        if class.family == Family::DistilBert {
            // The class has no such key, but earlier builds followed it.
            let epsilon = Value::from(DISTILBERT_EPSILON);
            if values.insert("layer_norm_eps".to_owned(), epsilon.clone()).is_some_and(|value| value != epsilon) {
                reinterpreted_keys.push("layer_norm_eps");
            }
        }
        // In transformers, an alias in the file overwrites the attribute of its key.
        for (alias, key, factor) in list_aliases(class.family) {
            let Some(value) = values.remove(*alias).filter(|value| !value.is_null()) else { continue };
            let value = match factor {
                1 => value,
                factor => value.as_u64().and_then(|value| value.checked_mul(*factor)).map_or(value, Value::from),
            };
            if values.get(*key) != Some(&value) {
                reinterpreted_keys.push(*alias);
            }
            values.insert((*key).to_owned(), value);
        }
        Ok(Self { path: path.to_owned(), class, values: Value::Object(values), reinterpreted_keys })
    }

    /// Creates an error for this file.
    pub fn file_error(&self, problem: impl ToString) -> ModelError {
        ModelError::file(&self.path, problem)
    }

    /// Returns a value; `None` if it is missing or null.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// Returns a positive integer of at most 2³¹.
    ///
    /// # Errors
    /// [`ModelError::File`] if the key has another value.
    pub fn get_size(&self, key: &str) -> Result<usize, ModelError> {
        let number = self.get(key).and_then(Value::as_u64).filter(|number| (1..=MAX_SIZE).contains(number));
        number.and_then(|number| usize::try_from(number).ok()).ok_or_else(|| {
            self.file_error(format!(
                "`{key}` is {}; expected a positive integer up to {MAX_SIZE}",
                self.format_value(key)
            ))
        })
    }

    /// Returns a non-negative number by its JSON pointer; `default` if it is missing or null.
    ///
    /// # Errors
    /// [`ModelError::File`] if the value is anything else.
    pub fn get_number(&self, pointer: &str, default: f64) -> Result<f64, ModelError> {
        match self.values.pointer(pointer) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value.as_f64().filter(|&number| number >= 0.0).ok_or_else(|| {
                let name = pointer.trim_start_matches('/').replace('/', ".");
                self.file_error(format!("`{name}` is {value}; expected a non-negative number"))
            }),
        }
    }

    /// Returns a boolean setting.
    ///
    /// # Errors
    /// [`ModelError::File`] if it is neither true nor false.
    pub fn get_bool(&self, key: &str) -> Result<bool, ModelError> {
        match self.get(key) {
            Some(Value::Bool(value)) => Ok(*value),
            _ => Err(self.file_error(format!("`{key}` is {}; expected true or false", self.format_value(key)))),
        }
    }

    /// Returns the maximum number of tokens, from the number of position embeddings.
    ///
    /// # Errors
    /// [`ModelError::File`] if the number of positions, or the padding id that offsets them, is invalid.
    pub fn max_positions(&self) -> Result<usize, ModelError> {
        let positions = self.get_size("max_position_embeddings")?;
        Ok(match self.padding_id()? {
            Some(padding) => positions.saturating_sub(padding as usize + 1),
            None => positions,
        })
    }

    /// Returns the padding id after which position ids begin; `None` in families whose positions begin at 0.
    ///
    /// # Errors
    /// [`ModelError::File`] if `pad_token_id` is not a valid id.
    pub fn padding_id(&self) -> Result<Option<u32>, ModelError> {
        match self.class.family {
            Family::Roberta => self.pad_token_id().map(Some),
            Family::Bert | Family::DistilBert | Family::ModernBert => Ok(None),
        }
    }

    fn pad_token_id(&self) -> Result<u32, ModelError> {
        let padding = self.get("pad_token_id").and_then(Value::as_u64);
        padding.and_then(|padding| u32::try_from(padding).ok()).ok_or_else(|| {
            self.file_error(
                "`pad_token_id` is not an integer; position ids begin after it: set it to the tokenizer's padding id",
            )
        })
    }

    fn format_value(&self, key: &str) -> String {
        self.values.get(key).map_or("missing".to_owned(), Value::to_string)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config(file: Value) -> TransformerConfig {
        TransformerConfig::new(Path::new("config.json"), &file, false, &mut Vec::new()).unwrap()
    }

    #[test]
    fn missing_keys_have_the_defaults_of_the_class() {
        let bert = config(json!({"model_type": "bert", "architectures": ["BertForMaskedLM"], "hidden_size": 32}));
        assert_eq!((bert.get_size("hidden_size").unwrap(), bert.get_size("num_hidden_layers").unwrap()), (32, 12));
        let roberta = |model_type: &str, class: &str| {
            config(json!({"model_type": model_type, "architectures": [class]})).get_size("vocab_size").unwrap()
        };
        assert_eq!(roberta("roberta", "RobertaForMaskedLM"), 50265);
        assert_eq!(roberta("xlm-roberta", "XLMRobertaForMaskedLM"), 30522);
    }

    #[test]
    fn an_alias_replaces_its_key() {
        let distilbert = json!({"model_type": "distilbert", "architectures": ["DistilBertForMaskedLM"], "dim": 1, "hidden_size": 64});
        assert_eq!(config(distilbert).get_size("dim").unwrap(), 64);
        let modernbert =
            json!({"model_type": "modernbert", "architectures": ["ModernBertForMaskedLM"], "sliding_window": 7});
        assert_eq!(config(modernbert).get_size("local_attention").unwrap(), 14);
    }
}
