//! What encodes the texts of a role, before its weights are read.

use super::super::max_length::MaxLength;
use super::settings::TransformerSettings;
use super::static_settings::StaticSettings;
use super::tokenizer_settings::TokenizerSettings;

/// What encodes the texts of a role.
#[derive(Debug, Clone)]
pub struct RoleSettings {
    pub encoder: EncoderSettings,
    pub tokenizer: TokenizerSettings,
    /// Where the maximum length comes from.
    pub max_length: MaxLength,
}

/// What makes a vector of tokens.
#[derive(Debug, Clone, PartialEq)]
pub enum EncoderSettings {
    /// A transformer, and the weights of the text's own terms that are left of its vector, if it is followed by such.
    Transformer { settings: TransformerSettings, lexical_weights: Option<StaticSettings> },
    /// A table of weights.
    Static(StaticSettings),
}
