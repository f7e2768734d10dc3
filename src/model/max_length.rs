//! The maximum number of tokens of a text.

use serde_json::Value;

/// Greater lengths are no limit to transformers.
const UNLIMITED_ABOVE: f64 = 1e20;

/// A length, and the key that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaxLength {
    pub tokens: Option<usize>,
    pub source_key: String,
}

/// A number of tokens; `None` for null and for numbers that transformers takes for no limit.
///
/// # Errors
/// If it is something else: a text that says what was expected.
pub fn parse_max_length(value: &Value) -> Result<Option<usize>, String> {
    match value {
        Value::Null => Ok(None),
        value if value.as_f64().is_some_and(|number| number > UNLIMITED_ABOVE) => Ok(None),
        value => {
            let length = value.as_u64().filter(|&length| length > 0).and_then(|length| usize::try_from(length).ok());
            length.map(Some).ok_or_else(|| "expected a positive whole number, or null".to_owned())
        }
    }
}
