//! Parsed value of a flag, or the error in it, so that all configuration errors are reported at once.
//!
//! See docs/adr/0058-report-all-configuration-errors.md.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::marker::PhantomData;

use clap::builder::{PossibleValue, TypedValueParser, ValueParserFactory};
use clap::{Arg, Command};

/// Type of a flag: parses the text of its value.
pub trait FlagType: Debug + Clone + Send + Sync + 'static {
    type Value: Debug + Clone + Send + Sync + 'static;

    /// Parses the text of a value.
    ///
    /// # Errors
    /// If the text is not a valid value.
    fn parse(text: &str) -> Result<Self::Value, FlagError>;

    /// Value with which `check` continues after an error. It is never used to serve.
    fn placeholder() -> Self::Value;

    /// Values listed in help and shell completions, for types with a fixed set of values.
    fn possible_values() -> Vec<PossibleValue> {
        Vec::new()
    }
}

/// Error in the text of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagError {
    /// Description of the expected values. The message repeats the text.
    Expected(String),
    /// Complete reason. The message does not repeat the text, which may be secret.
    Reason(String),
}

impl FlagError {
    /// Returns the part of the message that follows the name of the flag.
    pub fn describe(&self, text: &str) -> String {
        match self {
            Self::Expected(expected) => format!(" is `{text}`; expected {expected}"),
            Self::Reason(reason) => format!(": {reason}"),
        }
    }
}

/// Creates an error that names the expected values, such as `HOST:PORT`.
pub fn expected_error(expected: impl Into<String>) -> FlagError {
    FlagError::Expected(expected.into())
}

/// Value of a flag; if the text is invalid, the type's placeholder and the error.
#[derive(Debug, Clone)]
pub struct FlagValue<T: FlagType> {
    pub value: T::Value,
    pub error: Option<ConfigError>,
}

/// Error in the value of one flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Name of the flag without `--`.
    pub flag: String,
    /// Part of the message that follows the name.
    pub description: String,
}

impl<T: FlagType> FlagValue<T> {
    fn parse(flag: &str, text: &str) -> Self {
        match T::parse(text) {
            Ok(value) => Self { value, error: None },
            Err(problem) => Self::with_error(flag, problem.describe(text)),
        }
    }

    fn with_error(flag: &str, description: String) -> Self {
        let error = ConfigError { flag: flag.to_owned(), description };
        Self { value: T::placeholder(), error: Some(error) }
    }
}

impl<T: FlagType> ValueParserFactory for FlagValue<T> {
    type Parser = FlagValueParser<T>;

    fn value_parser() -> FlagValueParser<T> {
        FlagValueParser(PhantomData)
    }
}

/// Clap parser of a [`FlagValue`]. It never fails, because clap would stop at the first error.
#[derive(Debug, Clone)]
pub struct FlagValueParser<T>(PhantomData<T>);

impl<T: FlagType> TypedValueParser for FlagValueParser<T> {
    type Value = FlagValue<T>;

    fn parse_ref(&self, _: &Command, arg: Option<&Arg>, text: &OsStr) -> Result<FlagValue<T>, clap::Error> {
        let flag = arg.and_then(Arg::get_long).unwrap_or_default();
        Ok(match text.to_str() {
            Some(text) => FlagValue::parse(flag, text),
            None => FlagValue::with_error(flag, ": the value is not UTF-8; pass UTF-8 text".to_owned()),
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values = T::possible_values();
        (!values.is_empty()).then(|| Box::new(values.into_iter()) as Box<dyn Iterator<Item = PossibleValue>>)
    }
}
