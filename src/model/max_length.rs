//! Maximum length of texts.

use serde_json::Value;

/// Lengths above this value mean "no limit" in transformers.
const UNLIMITED_ABOVE: f64 = 1e20;

/// Maximum length and the key that sets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxLength {
    /// Number of tokens; `None` for no limit.
    pub tokens: Option<usize>,
    /// Source of the length, as `file: key`.
    pub source_key: String,
}

/// Parses a maximum length; `None` for null and for numbers that transformers treats as no limit.
///
/// # Errors
/// Returns a description of the expected value if it is anything else.
pub fn parse_max_length(value: &Value) -> Result<Option<usize>, String> {
    match value {
        Value::Null => Ok(None),
        value if value.as_f64().is_some_and(|number| number > UNLIMITED_ABOVE) => Ok(None),
        value => {
            let length = value.as_u64().filter(|&length| length > 0).and_then(|length| usize::try_from(length).ok());
            length.map(Some).ok_or_else(|| "expected a positive integer or null".to_owned())
        }
    }
}
