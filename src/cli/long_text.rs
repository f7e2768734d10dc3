//! `--long-text` and `--window-overlap`.

use clap::ValueEnum;

use crate::proto::{self, EncodingOptions, Pruning};

/// What to do with texts of more tokens than the model takes.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct LongTextArgs {
    /// What to do with a text of more tokens than the model takes.
    #[arg(long, env = "SPLADE_LONG_TEXT", default_value = "truncate")]
    long_text: LongTextMode,
    /// How many tokens a window shares with the one before it, with `--long-text window` [default: 32, or a quarter of a
    /// window where that is less].
    #[arg(long, env = "SPLADE_WINDOW_OVERLAP", value_name = "TOKENS")]
    pub window_overlap: Option<u32>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LongTextMode {
    /// Encode the first tokens, as many as the model takes.
    Truncate,
    /// Refuse the text.
    Reject,
    /// Encode all of it as overlapping windows, and take each term's largest weight.
    Window,
}

impl LongTextArgs {
    /// Returns the encoding options of these flags and of a `--prune`.
    pub fn encoding_options(self, pruning: Option<Pruning>) -> EncodingOptions {
        EncodingOptions { long_text: self.to_proto_value(), window_overlap: self.window_overlap, pruning }
    }

    /// The value of the API's enumeration.
    pub fn to_proto_value(self) -> i32 {
        match self.long_text {
            LongTextMode::Truncate => proto::LongText::Truncate.into(),
            LongTextMode::Reject => proto::LongText::Reject.into(),
            LongTextMode::Window => proto::LongText::Window.into(),
        }
    }
}
