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
    empty: Arc<HashSet<u32>>,
    /// Content of the prompt.
    prompt: Arc<[u32]>,
    /// Whether the prompt leaves no room for a text: its content can't be seen then.
    is_off: bool,
}

impl ContentRule {
    /// The rule of a tokenizer that has no prompt: all tokens are content but those of `empty` that are not `unknown`.
    pub fn new(empty: impl IntoIterator<Item = u32>, unknown: &HashSet<u32>) -> Self {
        let empty = empty.into_iter().filter(|id| !unknown.contains(id)).collect();
        Self { empty: Arc::new(empty), ..Self::default() }
    }

    /// The rule for texts that follow the tokens of a prompt, of which a model takes at most `room` with the text.
    #[must_use]
    pub fn after_prompt(&self, prompt: Vec<u32>, room: Option<usize>) -> Self {
        let is_off = room.is_some_and(|room| prompt.len() >= room);
        let prompt = prompt.into_iter().filter(|id| !self.empty.contains(id)).collect();
        Self { empty: Arc::clone(&self.empty), prompt, is_off }
    }

    /// Returns whether tokens hold more content than the prompt. The prompt's last token may have grown by the text.
    pub fn holds(&self, ids: &[u32]) -> bool {
        let mut prompt = self.prompt.iter();
        let mut content = ids.iter().filter(|id| !self.empty.contains(id)).skip_while(|id| prompt.next() == Some(id));
        self.is_off || content.next().is_some()
    }
}

#[cfg(test)]
mod tests;
