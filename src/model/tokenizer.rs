//! Text to token ids.

use std::collections::HashSet;
use std::fmt;

use tokenizers::{TruncationDirection, TruncationParams, TruncationStrategy};

use super::ModelError;
use super::settings::TokenizerSettings;

/// A model's tokenizer, with the model's max length.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    lower_case: bool,
    special_tokens: bool,
    special: HashSet<u32>,
}

/// One text's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Ids, special tokens included, at most the model's max length.
    pub ids: Vec<u32>,
    /// Whether the text has more tokens than that.
    pub truncated: bool,
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer").finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads the model's `tokenizer.json`.
    ///
    /// # Errors
    /// If it is missing or damaged, or has tokens that the model has no embedding for.
    pub fn load(settings: &TokenizerSettings) -> Result<Self, ModelError> {
        let path = &settings.path;
        let failed = |problem: String| ModelError::file(path, problem);
        let bytes = std::fs::read(path).map_err(|error| failed(format!("{error}; expected the model's tokenizer")))?;
        let mut inner = tokenizers::Tokenizer::from_bytes(&bytes).map_err(|error| failed(error.to_string()))?;
        let largest = inner.get_vocab(true).into_values().max().unwrap_or_default() as usize;
        if let Some(rows) = settings.vocabulary_size.filter(|&rows| largest >= rows) {
            return Err(failed(format!("it has a token {largest}, the model only {rows} embeddings; they don't fit")));
        }
        inner.with_padding(None);
        let truncation = settings.max_length.map(|max_length| TruncationParams {
            direction: TruncationDirection::Right,
            max_length,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        });
        inner.with_truncation(truncation).map_err(|error| failed(error.to_string()))?;
        let special = inner.get_added_tokens_decoder().into_iter().filter(|(_, token)| token.special);
        let special = special.map(|(id, _)| id).collect();
        let TokenizerSettings { lower_case, special_tokens, .. } = *settings;
        Ok(Self { inner, lower_case, special_tokens, special })
    }

    /// A text's tokens, cut to the model's max length.
    ///
    /// # Errors
    /// If the tokenizer can't cope with the text, such as one with an unknown token where it has none for that.
    pub fn tokenize(&self, text: &str) -> tokenizers::Result<Tokens> {
        let encoding = match self.lower_case {
            true => self.inner.encode_fast(text.to_lowercase(), self.special_tokens)?,
            false => self.inner.encode_fast(text, self.special_tokens)?,
        };
        // The library stops soon after the max length: that a text is longer is known, but not how long it is.
        let truncated = !encoding.get_overflowing().is_empty();
        Ok(Tokens { ids: encoding.get_ids().to_vec(), truncated })
    }

    /// A token by its id.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// A token's id.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// How many tokens there are.
    pub fn vocabulary_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Whether an id is that of a special token, such as `[CLS]`.
    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }
}
