//! Flags that would change nothing: refused, since whoever gave one expects that it does something.

use anyhow::anyhow;

/// A flag, and the environment variable that counts as it.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    pub name: &'static str,
    pub env_var: &'static str,
}

impl Flag {
    /// The refusal of a flag that has no effect.
    pub fn no_effect_error(self, reason: &str) -> anyhow::Error {
        anyhow!("{} ({}) has no effect: {reason}", self.name, self.env_var)
    }
}
