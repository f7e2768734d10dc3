//! What is on or off.

use crate::config::setting::{FlagType, Problem, expected};

/// `true` or `false`, which only an environment variable or a file spells out.
#[derive(Debug, Clone)]
pub struct Switch;

impl FlagType for Switch {
    type Value = bool;

    fn parse(text: &str) -> Result<bool, Problem> {
        text.parse().map_err(|_| expected("true or false"))
    }

    fn stand_in() -> bool {
        false
    }
}
