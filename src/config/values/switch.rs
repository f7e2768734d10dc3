//! Boolean switches.

use crate::config::flag_value::{FlagError, FlagType, expected_error};

/// Flag type of a switch: `true` or `false` in an environment variable or file, and no value on the command line.
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
