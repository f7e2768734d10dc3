//! Earlier names of environment variables.

use std::env::var_os;

/// Returns the environment variable to read for a renamed flag: the earlier name if only that one is set, otherwise the
/// current name. Clap reads one variable per flag.
pub fn with_earlier_name(current: &'static str, earlier: &'static str) -> &'static str {
    if var_os(current).is_none() && var_os(earlier).is_some() { earlier } else { current }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `PATH` stands for a variable that is set.
    #[test]
    fn the_earlier_name_is_used_only_if_it_alone_is_set() {
        assert_eq!(with_earlier_name("SPLADE_UNSET", "SPLADE_UNSET_TOO"), "SPLADE_UNSET");
        assert_eq!(with_earlier_name("SPLADE_UNSET", "PATH"), "PATH");
        assert_eq!(with_earlier_name("PATH", "SPLADE_UNSET"), "PATH");
        assert_eq!(with_earlier_name("PATH", "HOME"), "PATH");
    }
}
