//! Which tokens are a text's content.
//!
//! A normalizer may remove every character of a text, as BERT's does with U+FFFD, private-use characters, format characters
//! and combining marks. The vector is then that of the special tokens alone, which matches every document alike.

use std::collections::HashSet;
use std::sync::Arc;

use super::Tokenizer;

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
    /// The rule of a tokenizer that has no prompt.
    pub fn of(tokenizer: &Tokenizer) -> Self {
        // Some tokenizers mark the beginning of each word by a token that white space gets too.
        let spaces = tokenizer.tokens(" ").unwrap_or_default();
        let mut empty: HashSet<u32> = tokenizer.special().iter().copied().chain(spaces).collect();
        for unknown in tokenizer.unknown() {
            empty.remove(&unknown);
        }
        Self { empty: Arc::new(empty), ..Self::default() }
    }

    /// The rule of a role's tokenizer, which differs from the first in its prompt.
    pub fn after_prompt(&self, role: &Tokenizer) -> Self {
        // A prompt that can't be tokenized is an error of each text.
        let prompt = if role.prompt().is_empty() { Vec::new() } else { role.tokens("").unwrap_or_default() };
        let is_off = role.room().is_some_and(|room| prompt.len() >= room);
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
