//! Flags `--long-text` and `--window-overlap`.

use clap::ValueEnum;

use crate::proto::{self, EncodingOptions, Pruning};

/// Flags for texts that exceed the model's maximum length.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct LongTextArgs {
    /// Policy for texts that exceed the model's maximum length.
    #[arg(long, env = "SPLADE_LONG_TEXT", value_name = "POLICY", default_value = "truncate")]
    long_text: LongTextMode,
    /// Number of tokens by which consecutive windows overlap, with `--long-text window` [default: 32, or a quarter of the window
    /// if that is less].
    #[arg(long, env = "SPLADE_WINDOW_OVERLAP", value_name = "TOKENS")]
    pub window_overlap: Option<u32>,
}

/// Long-text policy.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum LongTextMode {
    /// Encode the first tokens up to the maximum length.
    Truncate,
    /// Reject the text.
    Reject,
    /// Encode the whole text as overlapping windows, and keep each term's maximum weight.
    Window,
}

impl LongTextArgs {
    /// Returns the encoding options of these flags and `--prune`.
    pub fn encoding_options(self, pruning: Option<Pruning>) -> EncodingOptions {
        EncodingOptions { long_text: self.to_proto_value(), window_overlap: self.window_overlap, pruning }
    }

    /// Returns the value of the API's `LongText` enum.
    pub fn to_proto_value(self) -> i32 {
        match self.long_text {
            LongTextMode::Truncate => proto::LongText::Truncate.into(),
            LongTextMode::Reject => proto::LongText::Reject.into(),
            LongTextMode::Window => proto::LongText::Window.into(),
        }
    }
}
