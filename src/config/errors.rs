//! Collection of configuration errors, so that all of them are reported at once.

use std::fmt;

use super::flag_value::{ConfigError, FlagType, FlagValue};
use super::source::FileSource;
use crate::features;

/// Collects configuration errors. Each message names its flag, and the file and line if a file sets the flag.
#[derive(Debug)]
pub struct ConfigErrors {
    file: FileSource,
    messages: Vec<String>,
}

impl ConfigErrors {
    /// Creates a collection that starts with the errors found in the configuration file.
    pub fn new(mut file: FileSource) -> Self {
        let messages = std::mem::take(&mut file.errors);
        Self { file, messages }
    }

    /// Returns the value of a flag; if it is invalid, records the error and returns the placeholder.
    pub fn take_value<T: FlagType>(&mut self, setting: FlagValue<T>) -> T::Value {
        if let Some(ConfigError { flag, description }) = setting.error {
            self.add(&flag, &description);
        }
        setting.value
    }

    /// Records an error of a flag. `flag` is the name without `--`; `description` follows the name in the message.
    pub fn add(&mut self, flag: &str, description: &str) {
        self.messages.push(format!("{}{description}", self.file.describe_flag(flag)));
    }

    /// Records an error with a complete message.
    pub fn add_message(&mut self, message: String) {
        self.messages.push(message);
    }

    /// Records an error if a flag needs a cargo feature that this build does not include.
    pub fn require_feature(&mut self, is_available: bool, flag: &str, feature: &str) {
        if !is_available {
            self.messages.push(features::describe_missing_feature(&self.file.describe_flag(flag), feature));
        }
    }

    /// Returns whether an error of the flag was recorded.
    pub fn has_error_for(&self, flag: &str) -> bool {
        let name = format!("--{flag}");
        let is_name = |remaining: &str| !remaining.starts_with(|c: char| c == '-' || c.is_alphanumeric());
        self.messages.iter().any(|message| message.strip_prefix(&name).is_some_and(is_name))
    }

    /// Returns the messages in the order in which they were recorded.
    pub fn into_messages(self) -> Vec<String> {
        self.messages
    }
}

/// Error that lists all problems of a configuration, one message each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig(pub Vec<String>);

impl std::error::Error for InvalidConfig {}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} error(s):", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}
