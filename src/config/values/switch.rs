//! What is on or off.

use crate::config::flag_value::{FlagError, FlagType, expected_error};

/// `true` or `false`, which only an environment variable or a file spells out.
#[derive(Debug, Clone)]
pub struct Switch;

impl FlagType for Switch {
    type Value = bool;

    fn parse(text: &str) -> Result<bool, FlagError> {
        text.parse().map_err(|_| expected_error("true or false"))
    }

    fn placeholder() -> bool {
        false
    }
}
