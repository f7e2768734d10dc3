//! What is known of a role's tokenizer before it is built.

use super::super::tokenizer_files::TokenizerFiles;

/// How texts of a role become tokens.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenizerSettings {
    pub files: TokenizerFiles,
    /// How many tokens there are embeddings for, where that is known.
    pub vocabulary_size: Option<usize>,
    /// Maximum number of tokens of a text, special ones included; `None` for no limit.
    pub max_length: Option<usize>,
    /// What is put before each text.
    pub prompt: String,
    /// Whether a text gets special tokens around it.
    pub add_special_tokens: bool,
}
