//! Tokenization of texts into the ids that an encoder takes.
//!
//! See docs/adr/0022-long-texts.md.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use tokenizers::{Encoding, Model as _, OffsetType, PostProcessor as _, PreTokenizer as _, Token, TruncationDirection};

use super::ModelError;
use super::content::ContentRule;
use super::layout::TokenizerSettings;
use super::tokenizer_files::catch_tokenizer_panic;

/// Tokenizer of a role, with its prompt and maximum length.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Arc<tokenizers::Tokenizer>,
    /// Prompt prepended to each text.
    prompt: String,
    add_special_tokens: bool,
    special_ids: Arc<HashSet<u32>>,
    content_rule: ContentRule,
    /// Number of token embeddings, if known.
    embedding_rows: Option<usize>,
    max_length: Option<usize>,
    /// Maximum number of tokens of a text, without special tokens.
    max_content_tokens: Option<usize>,
    truncates_left: bool,
    changed_keys: Vec<String>,
}

/// Token ids of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizedText {
    /// Ids including special tokens; at most the maximum length.
    pub ids: Vec<u32>,
    /// True if the text has more tokens than fit.
    pub is_truncated: bool,
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer").field("max_content_tokens", &self.max_content_tokens).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Builds the tokenizer from a model's files.
    ///
    /// # Errors
    /// [`ModelError::File`] if files are missing or damaged, the vocabulary exceeds the embeddings, or the maximum
    /// length is too small for a text.
    pub fn load(settings: &TokenizerSettings) -> Result<Self, ModelError> {
        let path = settings.files.path();
        let built = settings.files.build()?;
        let inner = built.inner;
        // Only the base vocabulary: an added special token may lack an embedding as long as no text contains it.
        let max_id = inner.get_vocab(false).into_values().max().unwrap_or_default() as usize;
        if let Some(rows) = settings.vocabulary_size.filter(|&rows| max_id >= rows) {
            let problem = format!(
                "token id {max_id} exceeds the {rows} embeddings of the model; use the tokenizer that the model was \
                 trained with"
            );
            return Err(ModelError::file(&path, problem));
        }
        let special_tokens = inner.get_added_tokens_decoder().into_iter().filter(|(_, token)| token.special);
        let mut tokenizer = Self {
            special_ids: Arc::new(special_tokens.map(|(id, _)| id).collect()),
            content_rule: ContentRule::default(),
            inner: Arc::new(inner),
            prompt: String::new(),
            add_special_tokens: true,
            embedding_rows: settings.vocabulary_size,
            max_length: None,
            max_content_tokens: None,
            truncates_left: built.truncates_left,
            changed_keys: built.changed_keys,
        };
        tokenizer.content_rule = tokenizer.build_content_rule();
        tokenizer.with_settings(settings)
    }

    /// Returns a copy with the prompt and the maximum length of another role.
    ///
    /// # Errors
    /// [`ModelError::File`] if the maximum length is too small for a text.
    pub fn with_settings(&self, settings: &TokenizerSettings) -> Result<Self, ModelError> {
        let file_error = |problem: String| ModelError::file(&settings.files.path(), problem);
        let TokenizerSettings { add_special_tokens, max_length, ref prompt, .. } = *settings;
        let post_processor = self.inner.get_post_processor().filter(|_| add_special_tokens);
        let special_token_count = post_processor.map_or(0, |processor| processor.added_tokens(false));
        let max_content_tokens = max_length.map(|max| max.saturating_sub(special_token_count));
        if max_content_tokens == Some(0) {
            return Err(file_error(format!(
                "the maximum length must exceed the {special_token_count} special tokens of a text; raise it"
            )));
        }
        let mut tokenizer =
            Self { prompt: prompt.clone(), add_special_tokens, max_length, max_content_tokens, ..self.clone() };
        // A prompt that cannot be tokenized is reported as an error of each text.
        let prompt_tokens =
            if tokenizer.prompt.is_empty() { Vec::new() } else { tokenizer.tokenize_all("").unwrap_or_default() };
        tokenizer.content_rule = self.content_rule.with_prompt(prompt_tokens, max_content_tokens);
        tokenizer.check_sequences(special_token_count).map_err(file_error)?;
        Ok(tokenizer)
    }

    /// Builds the rule that detects content, without a prompt.
    fn build_content_rule(&self) -> ContentRule {
        // Some tokenizers mark the beginning of each word with a token that white space yields too.
        let spaces = self.tokenize_all(" ").unwrap_or_default();
        ContentRule::new(self.special_ids.iter().copied().chain(spaces), &self.find_unknown_ids())
    }

    /// Returns the keys by which the tokenizer differs from the one that version 1 of the fingerprint identifies.
    pub fn changed_keys(&self) -> &[String] {
        &self.changed_keys
    }

    /// Maximum number of tokens per text, including special tokens; `None` for no limit.
    pub fn max_length(&self) -> Option<usize> {
        self.max_length
    }

    /// Prompt prepended to each text; may be empty.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Checks that the post-processor adds exactly `special_token_count` tokens that have embeddings. A post-processor
    /// may also do something else, such as repeat the text.
    fn check_sequences(&self, special_token_count: usize) -> Result<(), String> {
        // A few lengths suffice: post-processors are templates or classes with fixed positions.
        for length in 0..3 {
            let (ids, types) = self.post_process(&vec![0; length]).map_err(|error| error.to_string())?;
            if ids.len() != length + special_token_count {
                return Err(format!(
                    "`post_processor` turns {length} tokens into {}; expected {special_token_count} additional tokens",
                    ids.len()
                ));
            }
            if let Some(id) = ids.iter().find(|&&id| self.embedding_rows.is_some_and(|rows| id as usize >= rows)) {
                return Err(format!("`post_processor` adds token {id}, which has no embedding in the model"));
            }
            if let Some(kind) = types.iter().find(|&&kind| kind != 0) {
                return Err(format!("`post_processor` assigns token type {kind}; only type 0 is supported"));
            }
        }
        Ok(())
    }

    /// Maximum number of tokens of a text, without special tokens; `None` for no limit.
    pub fn max_content_tokens(&self) -> Option<usize> {
        self.max_content_tokens
    }

    /// Tokenizes a text, truncated to the maximum length on the tokenizer's truncation side.
    ///
    /// # Errors
    /// If the tokenizer fails on the text, for example on an unknown token when the vocabulary has no unknown token, or
    /// if a token has no embedding.
    pub fn tokenize(&self, text: &str) -> tokenizers::Result<TokenizedText> {
        // The prefix limit below cannot be applied from the right, so all tokens are computed.
        if self.truncates_left {
            return self.tokenize_tail(text);
        }
        let max_content_tokens = self.max_content_tokens.unwrap_or(usize::MAX);
        // One token more than fits suffices to detect truncation.
        let mut ids = self.tokenize_prefix(text, max_content_tokens.saturating_add(1))?;
        let is_truncated = ids.len() > max_content_tokens;
        ids.truncate(max_content_tokens);
        Ok(TokenizedText { ids: self.build_sequence(&ids)?, is_truncated })
    }

    /// Tokenizes a text like [`Self::tokenize`], but keeps the last tokens that fit.
    ///
    /// # Errors
    /// Errors of [`Self::tokenize`].
    pub fn tokenize_tail(&self, text: &str) -> tokenizers::Result<TokenizedText> {
        let mut ids = self.tokenize_all(text)?;
        let excess = ids.len().saturating_sub(self.max_content_tokens.unwrap_or(usize::MAX));
        ids.drain(..excess);
        Ok(TokenizedText { ids: self.build_sequence(&ids)?, is_truncated: excess > 0 })
    }

    /// Returns all tokens of a text, without truncation and special tokens.
    ///
    /// # Errors
    /// Errors of [`Self::tokenize`].
    pub fn tokenize_all(&self, text: &str) -> tokenizers::Result<Vec<u32>> {
        self.tokenize_prefix(text, usize::MAX)
    }

    /// Adds the special tokens, if any, that the model was trained with.
    ///
    /// # Errors
    /// If the post-processor is inconsistent.
    pub fn build_sequence(&self, ids: &[u32]) -> tokenizers::Result<Vec<u32>> {
        self.post_process(ids).map(|(ids, _)| ids)
    }

    /// Returns the ids and token types after post-processing.
    fn post_process(&self, ids: &[u32]) -> tokenizers::Result<(Vec<u32>, Vec<u32>)> {
        if !self.add_special_tokens {
            return Ok((ids.to_vec(), vec![0; ids.len()]));
        }
        catch_tokenizer_panic(|| {
            let tokens = ids.iter().map(|&id| Token::new(id, String::new(), (0, 0))).collect();
            let encoding = self.inner.post_process(Encoding::from_tokens(tokens, 0), None, true)?;
            Ok((encoding.get_ids().to_vec(), encoding.get_type_ids().to_vec()))
        })
    }

    /// Returns whether the tokens of a text, with or without special tokens, have content beyond the prompt: a token
    /// that is neither special nor white space. The unknown token counts as content.
    pub fn has_content(&self, ids: &[u32]) -> bool {
        self.content_rule.has_content(ids)
    }

    /// Returns the ids of the unknown token; empty if the vocabulary has none.
    fn find_unknown_ids(&self) -> HashSet<u32> {
        // No vocabulary contains a noncharacter, and not every kind of model exposes its unknown token.
        let tokens = catch_tokenizer_panic(|| self.inner.get_model().tokenize("\u{10ffff}"));
        tokens.into_iter().flatten().map(|token| token.id).collect()
    }

    /// Returns at least the first `count` tokens of the prompt and the text, if there are that many. Repeats the steps
    /// of the tokenizers library, which has no such function.
    fn tokenize_prefix(&self, text: &str, count: usize) -> tokenizers::Result<Vec<u32>> {
        let prompted;
        let text = if self.prompt.is_empty() {
            text
        } else {
            prompted = format!("{}{text}", self.prompt);
            &prompted
        };
        let ids = catch_tokenizer_panic(|| {
            let normalizer = self.inner.get_normalizer();
            let mut pretokenized = self.inner.get_added_vocabulary().extract_and_normalize(normalizer, text);
            if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
                pre_tokenizer.pre_tokenize(&mut pretokenized)?;
            }
            let model = self.inner.get_model();
            pretokenized.tokenize_with_limit(
                |normalized| model.tokenize(normalized.get()),
                count,
                TruncationDirection::Right,
            )?;
            Ok(pretokenized.into_encoding(None, 0, OffsetType::None)?.get_ids().to_vec())
        })?;
        match ids.iter().find(|&&id| self.embedding_rows.is_some_and(|rows| id as usize >= rows)) {
            Some(&id) => {
                let token = self.id_to_token(id).unwrap_or_default();
                Err(format!("the text contains token `{token}` ({id}), which has no embedding in the model").into())
            }
            None => Ok(ids),
        }
    }

    /// Returns the token with an id.
    pub fn id_to_token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// Returns the id of a token.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Number of tokens, including added tokens.
    pub fn vocabulary_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Returns true for ids of special tokens, such as `[CLS]`.
    pub fn is_special(&self, id: u32) -> bool {
        self.special_ids.contains(&id)
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;
    use crate::model::layout::Layout;

    fn tests_data(file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
    }

    /// Returns the name, this crate's tokenizer and the library's tokenizer of each model in `tests/data/models`.
    fn tokenizers() -> Vec<(String, Tokenizer, tokenizers::Tokenizer)> {
        let directories = std::fs::read_dir(tests_data("models")).unwrap().map(|entry| entry.unwrap().path());
        let loaded = directories.map(|directory| {
            let settings = Layout::read(&directory).unwrap().document.tokenizer;
            let library = settings.files.build().unwrap().inner;
            (directory.display().to_string(), Tokenizer::load(&settings).unwrap(), library)
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

    /// Property: complete, truncated or in windows, the tokens of a text are those of the library.
    #[test]
    fn tokens_equal_those_of_the_library() {
        for (name, tokenizer, library) in tokenizers() {
            let max_tokens = tokenizer.max_content_tokens().unwrap();
            for text in texts() {
                let bare = library.encode(text.as_str(), false).unwrap();
                assert_eq!(tokenizer.tokenize_all(&text).unwrap(), bare.get_ids(), "{name}: {text}");
                let mut cut = bare.clone();
                cut.truncate(max_tokens, max_tokens / 3, TruncationDirection::Right);
                let cut = library.post_process(cut, None, true).unwrap();
                let expected = TokenizedText { ids: cut.get_ids().to_vec(), is_truncated: bare.len() > max_tokens };
                assert_eq!(tokenizer.tokenize(&text).unwrap(), expected, "{name}: {text}");
                for (number, window) in (1..).zip(cut.get_overflowing()) {
                    let ids = bare.get_ids().iter().skip(number * (max_tokens - max_tokens / 3)).take(max_tokens);
                    let ids: Vec<u32> = ids.copied().collect();
                    assert_eq!(
                        tokenizer.build_sequence(&ids).unwrap(),
                        window.get_ids(),
                        "{name}: window {number} of {text}"
                    );
                }
            }
        }
    }

    #[test]
    fn without_a_maximum_length_nothing_is_truncated() {
        let settings = Layout::read(&tests_data("models/bert-random-tied")).unwrap().document.tokenizer;
        let tokenizer = Tokenizer::load(&TokenizerSettings { max_length: None, ..settings }).unwrap();
        let text = "moon ".repeat(5_000);
        let tokens = tokenizer.tokenize(&text).unwrap();
        assert_eq!((tokens.ids.len(), tokens.is_truncated, tokenizer.max_content_tokens()), (5_002, false, None));
    }
}
