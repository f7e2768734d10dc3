//! Text to token ids.
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

/// The tokenizer of a role: what becomes of a text before the encoder.
#[derive(Clone)]
pub struct Tokenizer {
    inner: Arc<tokenizers::Tokenizer>,
    /// What is put before each text.
    prompt: String,
    add_special_tokens: bool,
    special_ids: Arc<HashSet<u32>>,
    content_rule: ContentRule,
    /// How many tokens there are embeddings for, where that is known.
    embedding_rows: Option<usize>,
    max_length: Option<usize>,
    /// Maximum number of a text's own tokens.
    max_content_tokens: Option<usize>,
    truncates_left: bool,
    changed_keys: Vec<String>,
}

/// One text's tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizedText {
    /// Ids, special tokens included, at most the encoder's max length.
    pub ids: Vec<u32>,
    /// Whether the text has more tokens than that.
    pub is_truncated: bool,
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer").field("max_content_tokens", &self.max_content_tokens).finish_non_exhaustive()
    }
}

impl Tokenizer {
    /// Builds the tokenizer of a model's files.
    ///
    /// # Errors
    /// If they are missing or damaged, have tokens that the model has no embedding for, or leave no room for a text.
    pub fn load(settings: &TokenizerSettings) -> Result<Self, ModelError> {
        let path = settings.files.path();
        let built = settings.files.build()?;
        let inner = built.inner;
        // The vocabulary's own tokens; a special token that a file adds may have no embedding, as long as no text has it.
        let max_id = inner.get_vocab(false).into_values().max().unwrap_or_default() as usize;
        if let Some(rows) = settings.vocabulary_size.filter(|&rows| max_id >= rows) {
            let problem = format!("it has a token {max_id}, the model only {rows} embeddings; they don't fit");
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

    /// The same tokenizer with the prompt and the lengths of another role.
    ///
    /// # Errors
    /// If they leave no room for a text.
    pub fn with_settings(&self, settings: &TokenizerSettings) -> Result<Self, ModelError> {
        let file_error = |problem: String| ModelError::file(&settings.files.path(), problem);
        let TokenizerSettings { add_special_tokens, max_length, ref prompt, .. } = *settings;
        let post_processor = self.inner.get_post_processor().filter(|_| add_special_tokens);
        let special_token_count = post_processor.map_or(0, |processor| processor.added_tokens(false));
        let max_content_tokens = max_length.map(|max| max.saturating_sub(special_token_count));
        if max_content_tokens == Some(0) {
            return Err(file_error(format!(
                "its {special_token_count} special tokens leave no room for a text in the max length"
            )));
        }
        let mut tokenizer =
            Self { prompt: prompt.clone(), add_special_tokens, max_length, max_content_tokens, ..self.clone() };
        // A prompt that can't be tokenized is an error of each text.
        let prompt_tokens =
            if tokenizer.prompt.is_empty() { Vec::new() } else { tokenizer.tokenize_all("").unwrap_or_default() };
        tokenizer.content_rule = self.content_rule.with_prompt(prompt_tokens, max_content_tokens);
        tokenizer.check_sequences(special_token_count).map_err(file_error)?;
        Ok(tokenizer)
    }

    /// Returns which tokens are content where there is no prompt.
    fn build_content_rule(&self) -> ContentRule {
        // Some tokenizers mark the beginning of each word by a token that white space gets too.
        let spaces = self.tokenize_all(" ").unwrap_or_default();
        ContentRule::new(self.special_ids.iter().copied().chain(spaces), &self.find_unknown_ids())
    }

    /// The keys by which it differs from what version 1 of the fingerprint stands for.
    pub fn changed_keys(&self) -> &[String] {
        &self.changed_keys
    }

    /// Maximum number of tokens of a text, special ones included; `None`: there is no limit.
    pub fn max_length(&self) -> Option<usize> {
        self.max_length
    }

    /// What is put before each text; empty for nothing.
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// Whether a text gets just `around` tokens more, which the model knows. A post-processor may also repeat the text.
    fn check_sequences(&self, special_token_count: usize) -> Result<(), String> {
        for length in 0..3 {
            let (ids, types) = self.post_process(&vec![0; length]).map_err(|error| error.to_string())?;
            if ids.len() != length + special_token_count {
                return Err(format!(
                    "its `post_processor` makes {} tokens of {length}; {special_token_count} more were expected",
                    ids.len()
                ));
            }
            if let Some(id) = ids.iter().find(|&&id| self.embedding_rows.is_some_and(|rows| id as usize >= rows)) {
                return Err(format!("its `post_processor` adds a token {id}, for which the model has no embedding"));
            }
            if let Some(kind) = types.iter().find(|&&kind| kind != 0) {
                return Err(format!(
                    "its `post_processor` gives a text the token type {kind}; only type 0 is supported"
                ));
            }
        }
        Ok(())
    }

    /// How many tokens of a text there is room for beside the special ones; `None`: as many as there are.
    pub fn max_content_tokens(&self) -> Option<usize> {
        self.max_content_tokens
    }

    /// A text's tokens, cut to the encoder's max length at the end that the model's tokenizer cuts.
    ///
    /// # Errors
    /// If the tokenizer can't cope with the text, such as one with an unknown token where it has none for that.
    pub fn tokenize(&self, text: &str) -> tokenizers::Result<TokenizedText> {
        if self.truncates_left {
            return self.tokenize_tail(text);
        }
        let max_content_tokens = self.max_content_tokens.unwrap_or(usize::MAX);
        // One more than there is room for is enough to know that the text is longer.
        let mut ids = self.tokenize_prefix(text, max_content_tokens.saturating_add(1))?;
        let is_truncated = ids.len() > max_content_tokens;
        ids.truncate(max_content_tokens);
        Ok(TokenizedText { ids: self.build_sequence(&ids)?, is_truncated })
    }

    /// The same, cut from the other end: the last tokens that there is room for.
    ///
    /// # Errors
    /// As [`Self::tokenize`].
    pub fn tokenize_tail(&self, text: &str) -> tokenizers::Result<TokenizedText> {
        let mut ids = self.tokenize_all(text)?;
        let excess = ids.len().saturating_sub(self.max_content_tokens.unwrap_or(usize::MAX));
        ids.drain(..excess);
        Ok(TokenizedText { ids: self.build_sequence(&ids)?, is_truncated: excess > 0 })
    }

    /// All of a text's tokens, however many, without special ones.
    ///
    /// # Errors
    /// As [`Self::tokenize`].
    pub fn tokenize_all(&self, text: &str) -> tokenizers::Result<Vec<u32>> {
        self.tokenize_prefix(text, usize::MAX)
    }

    /// Tokens of a text as the encoder takes them: with the special ones that the model was trained with, if any.
    ///
    /// # Errors
    /// If the tokenizer's own rules for that contradict each other.
    pub fn build_sequence(&self, ids: &[u32]) -> tokenizers::Result<Vec<u32>> {
        self.post_process(ids).map(|(ids, _)| ids)
    }

    /// The ids and the types of tokens as the encoder takes them.
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

    /// Returns whether tokens of a text, with or without special ones, hold more than the prompt: a token that is neither
    /// special nor white space. The unknown token counts.
    pub fn has_content(&self, ids: &[u32]) -> bool {
        self.content_rule.has_content(ids)
    }

    /// Returns the ids that the vocabulary gives to what it does not know; none if it has no unknown token.
    fn find_unknown_ids(&self) -> HashSet<u32> {
        // No vocabulary has a noncharacter. Not every kind of model says which token is its unknown one.
        let tokens = catch_tokenizer_panic(|| self.inner.get_model().tokenize("\u{10ffff}"));
        tokens.into_iter().flatten().map(|token| token.id).collect()
    }

    /// At least the first `count` tokens, if there are so many. The library's own steps, which it does not have as one.
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
                Err(format!("it has the token `{token}` ({id}), for which the model has no embedding").into())
            }
            None => Ok(ids),
        }
    }

    /// A token by its id.
    pub fn id_to_token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// A token's id.
    pub fn token_to_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// How many tokens there are.
    pub fn vocabulary_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Whether an id is that of a special token, such as `[CLS]`.
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

    /// Every model's tokenizer that the project carries, as we use it and as the library does.
    fn tokenizers() -> Vec<(String, Tokenizer, tokenizers::Tokenizer)> {
        let folders = std::fs::read_dir(tests_data("models")).unwrap().map(|entry| entry.unwrap().path());
        let loaded = folders.map(|folder| {
            let settings = Layout::read(&folder).unwrap().document.tokenizer;
            let library = settings.files.build().unwrap().inner;
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
            let room = tokenizer.max_content_tokens().unwrap();
            for text in texts() {
                let bare = library.encode(text.as_str(), false).unwrap();
                assert_eq!(tokenizer.tokenize_all(&text).unwrap(), bare.get_ids(), "{name}: {text}");
                let mut cut = bare.clone();
                cut.truncate(room, room / 3, TruncationDirection::Right);
                let cut = library.post_process(cut, None, true).unwrap();
                let expected = TokenizedText { ids: cut.get_ids().to_vec(), is_truncated: bare.len() > room };
                assert_eq!(tokenizer.tokenize(&text).unwrap(), expected, "{name}: {text}");
                for (number, window) in (1..).zip(cut.get_overflowing()) {
                    let ids = bare.get_ids().iter().skip(number * (room - room / 3)).take(room);
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
    fn without_a_max_length_nothing_is_cut() {
        let settings = Layout::read(&tests_data("models/bert-random-tied")).unwrap().document.tokenizer;
        let tokenizer = Tokenizer::load(&TokenizerSettings { max_length: None, ..settings }).unwrap();
        let text = "moon ".repeat(5_000);
        let tokens = tokenizer.tokenize(&text).unwrap();
        assert_eq!((tokens.ids.len(), tokens.is_truncated, tokenizer.max_content_tokens()), (5_002, false, None));
    }
}
