//! Text to token ids.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::de::IgnoredAny;
use tokenizers::{Encoding, Model as _, OffsetType, PostProcessor as _, PreTokenizer as _, Token, TruncationDirection};

use super::settings::TokenizerSettings;
use super::{ModelError, files};

/// A tokenizer, with the most tokens that its encoder takes.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    lower_case: bool,
    special_tokens: bool,
    special: HashSet<u32>,
    room: Option<usize>,
}

/// One text's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Ids, special tokens included, at most the encoder's max length.
    pub ids: Vec<u32>,
    /// Whether the text has more tokens than that.
    pub truncated: bool,
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer").field("room", &self.room).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Reads the model's `tokenizer.json`.
    ///
    /// # Errors
    /// If it is missing or damaged, has tokens that the model has no embedding for, or leaves no room for a text.
    pub fn load(settings: &TokenizerSettings) -> Result<Self, ModelError> {
        let path = &settings.path;
        let failed = |problem: String| ModelError::file(path, problem);
        let bytes = files::read(path, files::MAX_TOKENIZER_BYTES);
        let bytes = bytes.map_err(|error| failed(format!("{error}; expected the model's tokenizer")))?;
        // What is cut short is told as such; the library panics on some of it.
        let _: IgnoredAny = serde_json::from_slice(&bytes).map_err(|error| failed(error.to_string()))?;
        let inner = guarded(|| tokenizers::Tokenizer::from_bytes(&bytes));
        let mut inner = inner.map_err(|error| failed(error.to_string()))?;
        let largest = inner.get_vocab(true).into_values().max().unwrap_or_default() as usize;
        if let Some(rows) = settings.vocabulary_size.filter(|&rows| largest >= rows) {
            return Err(failed(format!("it has a token {largest}, the model only {rows} embeddings; they don't fit")));
        }
        // Texts are cut here, since the library would not say where.
        inner.with_padding(None).with_truncation(None).map_err(|error| failed(error.to_string()))?;
        let TokenizerSettings { lower_case, special_tokens, max_length, .. } = *settings;
        let around = inner.get_post_processor().filter(|_| special_tokens);
        let around = around.map_or(0, |processor| processor.added_tokens(false));
        let room = max_length.map(|max| max.saturating_sub(around));
        if room == Some(0) {
            return Err(failed(format!("its {around} special tokens leave no room for a text in the max length")));
        }
        let special = inner.get_added_tokens_decoder().into_iter().filter(|(_, token)| token.special);
        let special = special.map(|(id, _)| id).collect();
        let loaded = Self { inner, lower_case, special_tokens, special, room };
        loaded.check_sequences(around, settings.vocabulary_size).map_err(failed)?;
        Ok(loaded)
    }

    /// Whether a text gets just `around` tokens more, which the model knows. A post-processor may also repeat the text.
    fn check_sequences(&self, around: usize, vocabulary_size: Option<usize>) -> Result<(), String> {
        for length in 0..3 {
            let ids = self.sequence(&vec![0; length]).map_err(|error| error.to_string())?;
            if ids.len() != length + around {
                return Err(format!(
                    "its post-processor makes {} tokens of {length}; {around} more were expected",
                    ids.len()
                ));
            }
            if let Some(id) = ids.iter().find(|&&id| vocabulary_size.is_some_and(|rows| id as usize >= rows)) {
                return Err(format!("its post-processor adds a token {id}, for which the model has no embedding"));
            }
        }
        Ok(())
    }

    /// How many tokens of a text there is room for beside the special ones; `None`: as many as there are.
    pub fn room(&self) -> Option<usize> {
        self.room
    }

    /// A text's tokens, cut to the encoder's max length.
    ///
    /// # Errors
    /// If the tokenizer can't cope with the text, such as one with an unknown token where it has none for that.
    pub fn tokenize(&self, text: &str) -> tokenizers::Result<Tokens> {
        let room = self.room.unwrap_or(usize::MAX);
        // One more than there is room for is enough to know that the text is longer.
        let mut ids = self.first_tokens(text, room.saturating_add(1))?;
        let truncated = ids.len() > room;
        ids.truncate(room);
        Ok(Tokens { ids: self.sequence(&ids)?, truncated })
    }

    /// The same, cut from the other end: the last tokens that there is room for.
    ///
    /// # Errors
    /// As [`Self::tokenize`].
    pub fn tokenize_end(&self, text: &str) -> tokenizers::Result<Tokens> {
        let mut ids = self.tokens(text)?;
        let excess = ids.len().saturating_sub(self.room.unwrap_or(usize::MAX));
        ids.drain(..excess);
        Ok(Tokens { ids: self.sequence(&ids)?, truncated: excess > 0 })
    }

    /// All of a text's tokens, however many, without special ones.
    ///
    /// # Errors
    /// As [`Self::tokenize`].
    pub fn tokens(&self, text: &str) -> tokenizers::Result<Vec<u32>> {
        self.first_tokens(text, usize::MAX)
    }

    /// Tokens of a text as the encoder takes them: with the special ones that the model was trained with, if any.
    ///
    /// # Errors
    /// If the tokenizer's own rules for that contradict each other.
    pub fn sequence(&self, ids: &[u32]) -> tokenizers::Result<Vec<u32>> {
        if !self.special_tokens {
            return Ok(ids.to_vec());
        }
        guarded(|| {
            let tokens = ids.iter().map(|&id| Token::new(id, String::new(), (0, 0))).collect();
            let encoding = self.inner.post_process(Encoding::from_tokens(tokens, 0), None, true)?;
            Ok(encoding.get_ids().to_vec())
        })
    }

    /// At least the first `count` tokens, if there are so many. The library's own steps, which it does not have as one.
    fn first_tokens(&self, text: &str, count: usize) -> tokenizers::Result<Vec<u32>> {
        let text = if self.lower_case { Cow::Owned(text.to_lowercase()) } else { Cow::Borrowed(text) };
        guarded(|| {
            let normalizer = self.inner.get_normalizer();
            let mut pieces = self.inner.get_added_vocabulary().extract_and_normalize(normalizer, &text);
            if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
                pre_tokenizer.pre_tokenize(&mut pieces)?;
            }
            let model = self.inner.get_model();
            pieces.tokenize_with_limit(|piece| model.tokenize(piece.get()), count, TruncationDirection::Right)?;
            Ok(pieces.into_encoding(None, 0, OffsetType::None)?.get_ids().to_vec())
        })
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

/// The library trusts its file in many places, and panics where that contradicts itself: that is an error of the file's.
fn guarded<T>(work: impl FnOnce() -> tokenizers::Result<T>) -> tokenizers::Result<T> {
    let problem = "the tokenizer contradicts itself; its file may be damaged, fetch it again";
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(problem.into()))
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::model::layout::Layout;

    fn tests_data(file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
    }

    /// Every model's tokenizer that the project carries, as we load it and as the library does.
    fn tokenizers() -> Vec<(String, Tokenizer, tokenizers::Tokenizer)> {
        let folders = std::fs::read_dir(tests_data("models")).unwrap().map(|entry| entry.unwrap().path());
        let loaded = folders.map(|folder| {
            let settings = Layout::read(&folder).unwrap().document.tokenizer();
            let mut library = tokenizers::Tokenizer::from_file(&settings.path).unwrap();
            library.with_padding(None).with_truncation(None).unwrap();
            (folder.display().to_string(), Tokenizer::load(&settings).unwrap(), library)
        });
        loaded.collect()
    }

    fn texts() -> Vec<String> {
        let mut texts: Vec<String> =
            serde_json::from_slice(&std::fs::read(tests_data("golden/texts.json")).unwrap()).unwrap();
        let long = texts.join(" ");
        texts.extend([long, "[CLS] the [MASK] moon".repeat(40), "x".repeat(300), String::new()]);
        texts
    }

    /// Law: whole, cut or in windows, a text's tokens are what the library makes of it.
    #[test]
    fn tokens_are_the_librarys_own() {
        for (name, tokenizer, library) in tokenizers() {
            let room = tokenizer.room().unwrap();
            for text in texts() {
                let text = if tokenizer.lower_case { text.to_lowercase() } else { text };
                let bare = library.encode(text.as_str(), false).unwrap();
                assert_eq!(tokenizer.tokens(&text).unwrap(), bare.get_ids(), "{name}: {text}");
                let mut cut = bare.clone();
                cut.truncate(room, room / 3, TruncationDirection::Right);
                let cut = library.post_process(cut, None, true).unwrap();
                let expected = Tokens { ids: cut.get_ids().to_vec(), truncated: bare.len() > room };
                assert_eq!(tokenizer.tokenize(&text).unwrap(), expected, "{name}: {text}");
                for (number, window) in (1..).zip(cut.get_overflowing()) {
                    let ids = bare.get_ids().iter().skip(number * (room - room / 3)).take(room);
                    let ids: Vec<u32> = ids.copied().collect();
                    assert_eq!(
                        tokenizer.sequence(&ids).unwrap(),
                        window.get_ids(),
                        "{name}: window {number} of {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn without_a_max_length_nothing_is_cut() {
        let settings = Layout::read(&tests_data("models/bert-random-tied")).unwrap().document.tokenizer();
        let tokenizer = Tokenizer::load(&TokenizerSettings { max_length: None, ..settings }).unwrap();
        let text = "moon ".repeat(5_000);
        let tokens = tokenizer.tokenize(&text).unwrap();
        assert_eq!((tokens.ids.len(), tokens.truncated, tokenizer.room()), (5_002, false, None));
    }
}
