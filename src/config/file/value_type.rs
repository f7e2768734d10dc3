//! TOML types of flags, and the conversion of TOML values to command-line values.

use clap::{Arg, ArgAction};
use toml::de::{DeInteger, DeValue};

/// TOML type of a flag's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueType {
    Boolean,
    Integer,
    /// An integer or a float.
    Number,
    String,
    /// An array of strings, or one string.
    StringList,
}

impl ValueType {
    /// Returns the type of a flag, derived from its action and its value name: `N` is an integer, `WEIGHT` and `SHARE` are
    /// numbers, any other value name is a string.
    pub fn from_arg(flag: &Arg) -> Self {
        let value_name = flag.get_value_names().and_then(<[_]>::first).map_or("", |name| name.as_str());
        match (flag.get_action(), value_name) {
            (ArgAction::SetTrue, _) => Self::Boolean,
            (ArgAction::Append, _) => Self::StringList,
            (_, "N") => Self::Integer,
            (_, "WEIGHT" | "SHARE") => Self::Number,
            _ => Self::String,
        }
    }

    /// Converts a TOML value to command-line values.
    ///
    /// # Errors
    /// A message if the value has another type or is empty. It doesn't contain the value, which may be secret.
    pub fn to_flag_values(self, value: &DeValue<'_>) -> Result<Vec<String>, String> {
        match (self, value) {
            (Self::Boolean, DeValue::Boolean(value)) => Ok(vec![value.to_string()]),
            (Self::Integer | Self::Number, DeValue::Integer(value)) => Ok(vec![to_decimal(value)]),
            (Self::Number, DeValue::Float(value)) => Ok(vec![value.as_str().to_owned()]),
            (Self::String | Self::StringList, DeValue::String(text)) => Ok(vec![check_non_empty(text)?]),
            (Self::StringList, DeValue::Array(values)) if values.is_empty() => Err("the array is empty".to_owned()),
            (Self::StringList, DeValue::Array(values)) => values
                .iter()
                .map(|value| Self::String.to_flag_values(value.get_ref()))
                .map(|texts| Ok(texts?.concat()))
                .collect(),
            (_, value) => Err(format!("the value is {}", describe_type(value))),
        }
    }

    /// Describes the values that the flag accepts, for error messages.
    pub fn describe_expected(self, flag: &Arg) -> String {
        let default = flag.get_default_values().first().map(|default| default.to_string_lossy());
        match (self, default) {
            (Self::Boolean, _) => "true or false".to_owned(),
            (Self::Integer, _) => "an integer".to_owned(),
            (Self::Number, _) => "a number".to_owned(),
            (Self::String, None) => "a string".to_owned(),
            (Self::String, Some(default)) => format!("a string, such as \"{default}\""),
            (Self::StringList, _) => "an array of strings, or one string".to_owned(),
        }
    }
}

fn check_non_empty(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("the value is empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// Returns an integer of any TOML radix in decimal. An integer that doesn't fit is returned unchanged; parsing of the flag
/// then rejects it.
fn to_decimal(integer: &DeInteger<'_>) -> String {
    match i64::from_str_radix(integer.as_str(), integer.radix()) {
        Ok(integer) => integer.to_string(),
        Err(_) => integer.to_string(),
    }
}

fn describe_type(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
