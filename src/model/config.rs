//! `config.json` of a transformer: its class, and its settings with the class's defaults (transformers 5.23).

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::ModelError;
use super::families::{self, Class, Family};

/// Largest size of any part of a model.
const MAX_SIZE: u64 = 1 << 31;

/// The epsilon of DistilBERT's layer norms, whatever its `config.json` says.
const DISTILBERT_EPSILON: f64 = 1e-12;

/// The settings of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    path: PathBuf,
    pub class: &'static Class,
    /// Every key of the class: the file's value, else the class's default.
    pub values: Value,
    /// Keys that decide otherwise than earlier builds thought: aliases, and keys that the class does not have.
    pub aliased: Vec<&'static str>,
}

impl Config {
    /// Interprets the object of a `config.json`. `is_saved_module`: it belongs to a directory with a `modules.json`, whose
    /// class is that of `model_type` alone.
    ///
    /// # Errors
    /// A class that is not supported, or a key that is refused; the keys that no table has are added to `unknown`.
    pub fn new(
        path: &Path,
        file: &Value,
        is_saved_module: bool,
        unknown: &mut Vec<String>,
    ) -> Result<Self, ModelError> {
        let failed = |problem: String| ModelError::file(path, problem);
        let class = families::class_of(file, is_saved_module).map_err(failed)?;
        unknown.extend(class.family.keys().check(path, file)?);
        let mut values = defaults(class);
        for (key, value) in file.as_object().into_iter().flatten() {
            values.insert(key.clone(), value.clone());
        }
        let mut aliased = Vec::new();
        if class.family == Family::DistilBert {
            // The class has no such key. Earlier builds followed it.
            let epsilon = Value::from(DISTILBERT_EPSILON);
            if values.insert("layer_norm_eps".to_owned(), epsilon.clone()).is_some_and(|value| value != epsilon) {
                aliased.push("layer_norm_eps");
            }
        }
        for (alias, key, factor) in aliases(class.family) {
            let Some(value) = values.remove(*alias).filter(|value| !value.is_null()) else { continue };
            let value = match factor {
                1 => value,
                factor => value.as_u64().and_then(|value| value.checked_mul(*factor)).map_or(value, Value::from),
            };
            if values.get(*key) != Some(&value) {
                aliased.push(*alias);
            }
            values.insert((*key).to_owned(), value);
        }
        Ok(Self { path: path.to_owned(), class, values: Value::Object(values), aliased })
    }

    /// A problem with this file.
    pub fn problem(&self, problem: impl ToString) -> ModelError {
        ModelError::file(&self.path, problem)
    }

    pub fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_null())
    }

    /// A positive whole number, small enough for a few of them to be added or multiplied.
    ///
    /// # Errors
    /// If the key has another value.
    pub fn size(&self, key: &str) -> Result<usize, ModelError> {
        let number = self.get(key).and_then(Value::as_u64).filter(|number| (1..=MAX_SIZE).contains(number));
        number.and_then(|number| usize::try_from(number).ok()).ok_or_else(|| {
            self.problem(format!("`{key}` is {}; expected a positive whole number up to {MAX_SIZE}", self.shown(key)))
        })
    }

    /// A number that is not negative, by its JSON pointer; `default` where it is missing or null.
    ///
    /// # Errors
    /// If it is something else.
    pub fn number(&self, pointer: &str, default: f64) -> Result<f64, ModelError> {
        match self.values.pointer(pointer) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => value.as_f64().filter(|&number| number >= 0.0).ok_or_else(|| {
                let name = pointer.trim_start_matches('/').replace('/', ".");
                self.problem(format!("`{name}` is {value}; expected a number that is not negative"))
            }),
        }
    }

    /// Whether a setting is on.
    ///
    /// # Errors
    /// If it is neither true nor false.
    pub fn is_on(&self, key: &str) -> Result<bool, ModelError> {
        match self.get(key) {
            Some(Value::Bool(value)) => Ok(*value),
            _ => Err(self.problem(format!("`{key}` is {}; expected true or false", self.shown(key)))),
        }
    }

    fn shown(&self, key: &str) -> String {
        self.values.get(key).map_or("missing".to_owned(), Value::to_string)
    }
}

/// Other names of keys, which replace them: the alias, the key, and how many of the alias make one.
fn aliases(family: Family) -> &'static [(&'static str, &'static str, u64)] {
    match family {
        Family::DistilBert => {
            &[("hidden_size", "dim", 1), ("num_hidden_layers", "n_layers", 1), ("num_attention_heads", "n_heads", 1)]
        }
        Family::ModernBert => &[("sliding_window", "local_attention", 2)],
        Family::Bert | Family::Roberta => &[],
    }
}

/// What a class of transformers assumes for the keys that decide vectors.
fn defaults(class: &Class) -> Map<String, Value> {
    let object = match class.family {
        Family::Bert => json!({
            "vocab_size": 30522, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
            "intermediate_size": 3072, "hidden_act": "gelu", "max_position_embeddings": 512, "type_vocab_size": 2,
            "layer_norm_eps": 1e-12, "tie_word_embeddings": true,
        }),
        Family::Roberta => json!({
            "vocab_size": if class.model_type == "roberta" { 50265 } else { 30522 },
            "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
            "intermediate_size": 3072, "hidden_act": "gelu", "max_position_embeddings": 512, "type_vocab_size": 2,
            "layer_norm_eps": 1e-12, "pad_token_id": 1, "tie_word_embeddings": true,
        }),
        Family::DistilBert => json!({
            "vocab_size": 30522, "dim": 768, "n_layers": 6, "n_heads": 12, "hidden_dim": 3072, "activation": "gelu",
            "max_position_embeddings": 512, "tie_word_embeddings": true,
        }),
        Family::ModernBert => json!({
            "vocab_size": 50368, "hidden_size": 768, "num_hidden_layers": 22, "num_attention_heads": 12,
            "intermediate_size": 1152, "hidden_activation": "gelu", "classifier_activation": "gelu",
            "max_position_embeddings": 8192, "norm_eps": 1e-5, "norm_bias": false, "attention_bias": false,
            "mlp_bias": false, "classifier_bias": false, "decoder_bias": true, "local_attention": 128,
            "global_attn_every_n_layers": 3, "tie_word_embeddings": true,
        }),
    };
    match object {
        Value::Object(defaults) => defaults,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(file: Value) -> Config {
        Config::new(Path::new("config.json"), &file, false, &mut Vec::new()).unwrap()
    }

    #[test]
    fn missing_keys_have_the_defaults_of_the_class() {
        let bert = config(json!({"model_type": "bert", "architectures": ["BertForMaskedLM"], "hidden_size": 32}));
        assert_eq!((bert.size("hidden_size").unwrap(), bert.size("num_hidden_layers").unwrap()), (32, 12));
        let roberta = |model_type: &str, class: &str| {
            config(json!({"model_type": model_type, "architectures": [class]})).size("vocab_size").unwrap()
        };
        assert_eq!(roberta("roberta", "RobertaForMaskedLM"), 50265);
        assert_eq!(roberta("xlm-roberta", "XLMRobertaForMaskedLM"), 30522);
    }

    #[test]
    fn an_alias_replaces_its_key() {
        let distilbert = json!({"model_type": "distilbert", "architectures": ["DistilBertForMaskedLM"], "dim": 1, "hidden_size": 64});
        assert_eq!(config(distilbert).size("dim").unwrap(), 64);
        let modernbert =
            json!({"model_type": "modernbert", "architectures": ["ModernBertForMaskedLM"], "sliding_window": 7});
        assert_eq!(config(modernbert).size("local_attention").unwrap(), 14);
    }
}
