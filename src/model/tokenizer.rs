//! Text to token ids.

use std::collections::HashSet;
use std::fmt;

use tokenizers::{TruncationDirection, TruncationParams, TruncationStrategy};

use super::{ModelError, Settings};

/// A model's tokenizer, with the model's max length.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    lower_case: bool,
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
    pub fn load(settings: &Settings) -> Result<Self, ModelError> {
        let path = &settings.tokenizer_path;
        let failed = |problem: String| ModelError::file(path, problem);
        let bytes = std::fs::read(path).map_err(|error| failed(format!("{error}; expected the model's tokenizer")))?;
        let mut inner = tokenizers::Tokenizer::from_bytes(&bytes).map_err(|error| failed(error.to_string()))?;
        let largest = inner.get_vocab(true).into_values().max().unwrap_or_default() as usize;
        if largest >= settings.vocabulary_size {
            let rows = settings.vocabulary_size;
            return Err(failed(format!("it has a token {largest}, the model only {rows} embeddings; they don't fit")));
        }
        inner.with_padding(None);
        let truncation = TruncationParams {
            direction: TruncationDirection::Right,
            max_length: settings.max_length,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
        };
        inner.with_truncation(Some(truncation)).map_err(|error| failed(error.to_string()))?;
        let special = inner.get_added_tokens_decoder().into_iter().filter(|(_, token)| token.special);
        let special = special.map(|(id, _)| id).collect();
        Ok(Self { inner, lower_case: settings.lower_case, special })
    }

    /// A text's tokens, cut to the model's max length.
    ///
    /// # Errors
    /// If the tokenizer can't cope with the text, such as one with an unknown token where it has none for that.
    pub fn tokenize(&self, text: &str) -> tokenizers::Result<Tokens> {
        let encoding = match self.lower_case {
            true => self.inner.encode_fast(text.to_lowercase(), true)?,
            false => self.inner.encode_fast(text, true)?,
        };
        // The library stops soon after the max length: that a text is longer is known, but not how long it is.
        let truncated = !encoding.get_overflowing().is_empty();
        Ok(Tokens { ids: encoding.get_ids().to_vec(), truncated })
    }

    /// A token by its id.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Whether an id is that of a special token, such as `[CLS]`.
    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }
}
