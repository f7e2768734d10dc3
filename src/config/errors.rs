//! All mistakes in a configuration, to be reported at once.

use std::fmt;

use super::flag_value::{ConfigError, FlagType, FlagValue};
use super::source::FileSource;
use crate::features;

/// Collects mistakes. Each names its flag, and the file and the line if a file set the flag.
#[derive(Debug)]
pub struct ConfigErrors {
    file: FileSource,
    messages: Vec<String>,
}

impl ConfigErrors {
    /// Begins with the mistakes in the file.
    pub fn new(mut file: FileSource) -> Self {
        let messages = std::mem::take(&mut file.errors);
        Self { file, messages }
    }

    /// Returns the value of a flag, or its stand-in after recording the mistake.
    pub fn take_value<T: FlagType>(&mut self, setting: FlagValue<T>) -> T::Value {
        if let Some(ConfigError { flag, description }) = setting.error {
            self.add(&flag, &description);
        }
        setting.value
    }

    /// Records a mistake by the name of its flag without `--` and what follows the name.
    pub fn add(&mut self, flag: &str, description: &str) {
        self.messages.push(format!("{}{description}", self.file.describe_flag(flag)));
    }

    /// Records a mistake by its whole message.
    pub fn add_message(&mut self, message: String) {
        self.messages.push(message);
    }

    /// Records a mistake if a flag needs a cargo feature that this build is without.
    pub fn require_feature(&mut self, is_available: bool, flag: &str, feature: &str) {
        if !is_available {
            self.messages.push(features::describe_missing_feature(&self.file.describe_flag(flag), feature));
        }
    }

    /// Whether a mistake was recorded about the flag.
    pub fn has_error_for(&self, flag: &str) -> bool {
        let name = format!("--{flag}");
        let is_name = |remaining: &str| !remaining.starts_with(|c: char| c == '-' || c.is_alphanumeric());
        self.messages.iter().any(|message| message.strip_prefix(&name).is_some_and(is_name))
    }

    pub fn into_messages(self) -> Vec<String> {
        self.messages
    }
}

/// Every mistake in the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidConfig(pub Vec<String>);

impl std::error::Error for InvalidConfig {}

impl fmt::Display for InvalidConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} mistake(s):", self.0.len())?;
        self.0.iter().try_for_each(|error| write!(f, "\n  {error}"))
    }
}
