//! The flag of all commands that meet a collection's fingerprint.

use clap::Args;
use clap::builder::BoolishValueParser;

#[derive(Debug, Args)]
pub struct FingerprintArgs {
    /// Go on even if another encoder wrote the collection.
    #[arg(long, env = "SPLADE_IGNORE_FINGERPRINT", value_parser = BoolishValueParser::new())]
    pub ignore_fingerprint: bool,
}
