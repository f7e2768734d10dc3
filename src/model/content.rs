//! Detection of texts without content.
//!
//! A normalizer may remove every character of a text: BERT's removes U+FFFD, private-use characters, format characters
//! and combining marks. The vector of such a text is that of the special tokens alone, which matches every document
//! equally.

use std::collections::HashSet;
use std::sync::Arc;

/// Distinguishes the tokens of a text's content from special tokens, white space and the prompt.
#[derive(Debug, Clone, Default)]
pub struct ContentRule {
    /// Special tokens and white-space tokens, except the unknown token, which stands for a word.
    non_content_ids: Arc<HashSet<u32>>,
    /// Content tokens of the prompt.
    prompt_ids: Arc<[u32]>,
    /// Set if the prompt fills the maximum length: the text is then cut off entirely, and every text counts as having
    /// content.
    is_disabled: bool,
}

impl ContentRule {
    /// Creates the rule for a tokenizer without a prompt: all tokens are content except `non_content_ids` that are not
    /// in `unknown_ids`.
    pub fn new(non_content_ids: impl IntoIterator<Item = u32>, unknown_ids: &HashSet<u32>) -> Self {
        let non_content_ids = non_content_ids.into_iter().filter(|id| !unknown_ids.contains(id)).collect();
        Self { non_content_ids: Arc::new(non_content_ids), ..Self::default() }
    }

    /// Returns the rule for texts after a prompt with the tokens `prompt_ids`; `max_tokens` limits prompt and text
    /// together.
    #[must_use]
    pub fn with_prompt(&self, prompt_ids: Vec<u32>, max_tokens: Option<usize>) -> Self {
        let is_disabled = max_tokens.is_some_and(|max_tokens| prompt_ids.len() >= max_tokens);
        let prompt_ids = prompt_ids.into_iter().filter(|id| !self.non_content_ids.contains(id)).collect();
        Self { non_content_ids: Arc::clone(&self.non_content_ids), prompt_ids, is_disabled }
    }

    /// Returns whether tokens have content beyond the prompt. Compares token by token, because the prompt's last token
    /// may have merged with the start of the text.
    pub fn has_content(&self, ids: &[u32]) -> bool {
        let mut prompt_ids = self.prompt_ids.iter();
        let mut content =
            ids.iter().filter(|id| !self.non_content_ids.contains(id)).skip_while(|id| prompt_ids.next() == Some(id));
        self.is_disabled || content.next().is_some()
    }
}

#[cfg(test)]
mod tests;
