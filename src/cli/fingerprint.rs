//! Flag of the commands that check a collection's fingerprint.

use clap::Args;
use clap::builder::BoolishValueParser;

/// Flag that skips the fingerprint check.
#[derive(Debug, Args)]
pub struct FingerprintArgs {
    /// Skip the check that the collection was written by the same encoder. Scores are meaningless if it was not.
    #[arg(long, env = "SPLADE_IGNORE_FINGERPRINT", value_parser = BoolishValueParser::new())]
    pub ignore_fingerprint: bool,
}
