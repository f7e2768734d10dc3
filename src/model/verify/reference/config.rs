//! Reads `config.json` for candle-transformers, and rejects what its classes can't express.

use serde_json::Value;

use super::super::super::TransformerSettings;
use super::ReferenceError;

/// An activation function of `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationName {
    Gelu,
    /// GELU by the approximation with tanh.
    GeluTanh,
    Relu,
}

/// Returns a size, which must be there.
pub fn get_size(settings: &TransformerSettings, key: &str) -> Result<usize, ReferenceError> {
    settings.config.get_size(key).map_err(ReferenceError::unsupported)
}

/// Returns a number, or the default of the class if the key is absent or null.
pub fn get_number(settings: &TransformerSettings, pointer: &str, default: f64) -> Result<f64, ReferenceError> {
    match settings.config.values.pointer(pointer) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value.as_f64().ok_or_else(|| {
            ReferenceError::Unsupported(format!("config.json: `{}` is not a number", pointer.trim_start_matches('/')))
        }),
    }
}

/// Returns the activation function that a key names; GELU if the key is absent or null.
pub fn parse_activation(settings: &TransformerSettings, key: &str) -> Result<ActivationName, ReferenceError> {
    let name = settings.config.get(key).map_or("gelu", |value| value.as_str().unwrap_or_default());
    match name {
        "gelu" | "gelu_python" => Ok(ActivationName::Gelu),
        "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Ok(ActivationName::GeluTanh),
        "relu" => Ok(ActivationName::Relu),
        _ => Err(ReferenceError::Unsupported(format!(
            "config.json: the activation `{key}` is not one that candle-transformers has for this class"
        ))),
    }
}

/// Rejects a key that has another value than the one that the class of candle-transformers is written for.
pub fn require_value(settings: &TransformerSettings, pointer: &str, expected: &Value) -> Result<(), ReferenceError> {
    match settings.config.values.pointer(pointer) {
        None | Some(Value::Null) => Ok(()),
        Some(value) if value == expected => Ok(()),
        Some(value) => Err(ReferenceError::Unsupported(format!(
            "config.json: candle-transformers implements `{}` = {expected} only, not {value}",
            pointer.trim_start_matches('/')
        ))),
    }
}

/// Returns whether a decoder without a weight of its own has that of the word embedding.
pub fn is_tied(settings: &TransformerSettings) -> bool {
    settings.config.get("tie_word_embeddings").and_then(Value::as_bool).unwrap_or(true)
}

/// Returns the names of a decoder's weight: its own, and the word embedding's if they are tied.
pub fn decoder_weight_names(settings: &TransformerSettings, decoder_name: &str, word_names: &[String]) -> Vec<String> {
    let word_names = if is_tied(settings) { word_names } else { &[] };
    std::iter::once(decoder_name.to_owned()).chain(word_names.iter().cloned()).collect()
}

/// Returns the names of a tensor of the base model: with the prefix of its masked language model, and without.
pub fn base_tensor_names(prefix: &str, name: &str) -> Vec<String> {
    vec![format!("{prefix}.{name}"), name.to_owned()]
}
