//! Settings of a role, read before its weights.

use super::super::max_length::MaxLength;
use super::settings::TransformerSettings;
use super::static_settings::StaticSettings;
use super::tokenizer_settings::TokenizerSettings;

/// Encoder and tokenizer settings of a role.
#[derive(Debug, Clone)]
pub struct RoleSettings {
    pub encoder: EncoderSettings,
    pub tokenizer: TokenizerSettings,
    /// Maximum length and its source.
    pub max_length: MaxLength,
}

/// Settings of an encoder.
#[derive(Debug, Clone, PartialEq)]
pub enum EncoderSettings {
    /// A transformer with its pooling; with `lexical_weights`, only the terms of the text are kept and weighted.
    Transformer { settings: TransformerSettings, lexical_weights: Option<StaticSettings> },
    /// A table of weights per token.
    Static(StaticSettings),
}
