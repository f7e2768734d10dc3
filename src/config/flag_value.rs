//! What a flag holds once clap has parsed it: its value, or the mistake in it, so that all mistakes are reported at once.
//!
//! See docs/adr/0058-report-all-configuration-errors.md.

use std::ffi::OsStr;
use std::fmt::Debug;
use std::marker::PhantomData;

use clap::builder::{PossibleValue, TypedValueParser, ValueParserFactory};
use clap::{Arg, Command};

/// How the text of a flag is parsed.
pub trait FlagType: Debug + Clone + Send + Sync + 'static {
    type Value: Debug + Clone + Send + Sync + 'static;

    fn parse(text: &str) -> Result<Self::Value, FlagError>;

    /// What `check` goes on with after a mistake. Nothing is served with it.
    fn placeholder() -> Self::Value;

    /// The values that help and completions list, if there are few.
    fn possible_values() -> Vec<PossibleValue> {
        Vec::new()
    }
}

/// What is wrong with the text of a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlagError {
    /// What is expected instead. The message repeats the text.
    Expected(String),
    /// The reason in full. The message does not repeat the text, which may be secret.
    Reason(String),
}

impl FlagError {
    /// What a message says after the name of the flag.
    pub fn describe(&self, text: &str) -> String {
        match self {
            Self::Expected(expected) => format!(" is `{text}`; expected {expected}"),
            Self::Reason(reason) => format!(": {reason}"),
        }
    }
}

pub fn expected_error(expected: impl Into<String>) -> FlagError {
    FlagError::Expected(expected.into())
}

/// The value of a flag, or its stand-in beside the mistake.
#[derive(Debug, Clone)]
pub struct FlagValue<T: FlagType> {
    pub value: T::Value,
    pub error: Option<ConfigError>,
}

/// A mistake in the value of one flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The flag's name without `--`.
    pub flag: String,
    /// What follows the name in the message.
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

/// Never fails: clap would stop at the first error.
#[derive(Debug, Clone)]
pub struct FlagValueParser<T>(PhantomData<T>);

impl<T: FlagType> TypedValueParser for FlagValueParser<T> {
    type Value = FlagValue<T>;

    fn parse_ref(&self, _: &Command, arg: Option<&Arg>, text: &OsStr) -> Result<FlagValue<T>, clap::Error> {
        let flag = arg.and_then(Arg::get_long).unwrap_or_default();
        Ok(match text.to_str() {
            Some(text) => FlagValue::parse(flag, text),
            None => FlagValue::with_error(flag, ": the value is not UTF-8".to_owned()),
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let values = T::possible_values();
        (!values.is_empty()).then(|| Box::new(values.into_iter()) as Box<dyn Iterator<Item = PossibleValue>>)
    }
}
