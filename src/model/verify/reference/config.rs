//! Reading of `config.json` for candle-transformers, with errors for settings that it does not support.

use serde_json::Value;

use super::super::super::TransformerSettings;
use super::ReferenceError;

/// Activation function named in `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationName {
    Gelu,
    /// GELU with the tanh approximation.
    GeluTanh,
    Relu,
}

/// Returns a required size.
pub fn get_size(settings: &TransformerSettings, key: &str) -> Result<usize, ReferenceError> {
    settings.config.get_size(key).map_err(ReferenceError::unsupported)
}

/// Returns a number, or the default of the class if the key is absent or null.
pub fn get_number(settings: &TransformerSettings, pointer: &str, default: f64) -> Result<f64, ReferenceError> {
    match settings.config.values.pointer(pointer) {
        None | Some(Value::Null) => Ok(default),
        Some(value) => value.as_f64().ok_or_else(|| {
            ReferenceError::Unsupported(format!(
                "config.json: `{}` is invalid; expected a number",
                pointer.trim_start_matches('/')
            ))
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
            "config.json: candle-transformers does not implement the activation `{key}` for this class"
        ))),
    }
}

/// Returns an error if a key has another value than the only one that candle-transformers implements.
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

/// Returns true if a decoder without its own weight uses the word embedding.
pub fn is_tied(settings: &TransformerSettings) -> bool {
    settings.config.get("tie_word_embeddings").and_then(Value::as_bool).unwrap_or(true)
}

/// Returns the candidate names of a decoder's weight: its own, and the word embedding's if they are tied.
pub fn decoder_weight_names(settings: &TransformerSettings, decoder_name: &str, word_names: &[String]) -> Vec<String> {
    let word_names = if is_tied(settings) { word_names } else { &[] };
    std::iter::once(decoder_name.to_owned()).chain(word_names.iter().cloned()).collect()
}

/// Returns the candidate names of a base-model tensor: with and without the prefix of the masked language model.
pub fn base_tensor_names(prefix: &str, name: &str) -> Vec<String> {
    vec![format!("{prefix}.{name}"), name.to_owned()]
}
