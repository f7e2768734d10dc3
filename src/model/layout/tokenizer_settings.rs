//! Settings of a role's tokenizer, read before it is built.

use super::super::tokenizer_files::TokenizerFiles;

/// Tokenizer settings of a role.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenizerSettings {
    pub files: TokenizerFiles,
    /// Number of token embeddings, if known.
    pub vocabulary_size: Option<usize>,
    /// Maximum number of tokens per text, including special tokens; `None` for no limit.
    pub max_length: Option<usize>,
    /// Prompt prepended to each text.
    pub prompt: String,
    /// Whether special tokens are added around a text.
    pub add_special_tokens: bool,
}
