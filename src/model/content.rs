//! Which tokens are a text's content.
//!
//! A normalizer may remove every character of a text, as BERT's does with U+FFFD, private-use characters, format characters
//! and combining marks. The vector is then that of the special tokens alone, which matches every document alike.

use std::collections::HashSet;
use std::sync::Arc;

/// Tells a text's content from the tokens that every text of a role has.
#[derive(Debug, Clone, Default)]
pub struct ContentRule {
    /// Special tokens, and those of white space. Without the unknown token, which stands for a word.
    non_content_ids: Arc<HashSet<u32>>,
    /// Content of the prompt.
    prompt_ids: Arc<[u32]>,
    /// Whether the prompt leaves no room for a text: its content can't be seen then.
    is_disabled: bool,
}

impl ContentRule {
    /// The rule of a tokenizer that has no prompt: all tokens are content but those of `empty` that are not `unknown`.
    pub fn new(non_content_ids: impl IntoIterator<Item = u32>, unknown_ids: &HashSet<u32>) -> Self {
        let non_content_ids = non_content_ids.into_iter().filter(|id| !unknown_ids.contains(id)).collect();
        Self { non_content_ids: Arc::new(non_content_ids), ..Self::default() }
    }

    /// The rule for texts that follow the tokens of a prompt, of which a model takes at most `room` with the text.
    #[must_use]
    pub fn with_prompt(&self, prompt_ids: Vec<u32>, max_tokens: Option<usize>) -> Self {
        let is_disabled = max_tokens.is_some_and(|max_tokens| prompt_ids.len() >= max_tokens);
        let prompt_ids = prompt_ids.into_iter().filter(|id| !self.non_content_ids.contains(id)).collect();
        Self { non_content_ids: Arc::clone(&self.non_content_ids), prompt_ids, is_disabled }
    }

    /// Returns whether tokens hold more content than the prompt. The prompt's last token may have grown by the text.
    pub fn has_content(&self, ids: &[u32]) -> bool {
        let mut prompt_ids = self.prompt_ids.iter();
        let mut content =
            ids.iter().filter(|id| !self.non_content_ids.contains(id)).skip_while(|id| prompt_ids.next() == Some(id));
        self.is_disabled || content.next().is_some()
    }
}

#[cfg(test)]
mod tests;
