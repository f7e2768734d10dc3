//! Errors for flags without effect, which are refused because they hide a misunderstanding.

use anyhow::anyhow;

/// Flag and its environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    pub name: &'static str,
    pub env_var: &'static str,
}

impl Flag {
    /// Returns the error for a flag that has no effect.
    pub fn no_effect_error(self, reason: &str) -> anyhow::Error {
        anyhow!("{} ({}) has no effect: {reason}", self.name, self.env_var)
    }
}
