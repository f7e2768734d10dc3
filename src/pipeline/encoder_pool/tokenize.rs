//! Tokenization of a job's text into one sequence, or into overlapping windows.

use std::ops::Range;
use std::time::Duration;

use metrics::counter;
use tokio::time::Instant;

use super::catch_panic::catch_panic_message;
use super::job::EncodeJob;
use crate::metrics as names;
use crate::model::TokenizedText;
use crate::types::{ErrorReason, LongTextPolicy};

/// Token sequences of a text.
pub enum TokenSequences {
    /// Single sequence, possibly truncated to the model's maximum length.
    Single(TokenizedText),
    /// Overlapping windows of a text that is longer than the model's maximum length.
    Windows(TokenWindows),
}

impl TokenSequences {
    /// Returns the tokens of the text; without special tokens for windows.
    fn ids(&self) -> &[u32] {
        match self {
            Self::Single(tokens) => &tokens.ids,
            Self::Windows(windows) => &windows.tokens,
        }
    }
}

/// Error message for a text that the tokenizer normalizes to nothing.
const NO_CONTENT_MESSAGE: &str = "the text is empty after the model's normalization: it has only special tokens and \
    characters that the tokenizer removes, such as combining marks, private-use characters or U+FFFD; send a text with \
    words, or omit it";

/// Tokens of a long text and the layout of its overlapping windows.
pub struct TokenWindows {
    /// Tokens without special tokens, which are added to each window.
    pub tokens: Vec<u32>,
    /// Number of tokens per window.
    window_tokens: usize,
    /// Number of tokens that a window shares with the previous one. Less than `window_tokens`.
    overlap_tokens: usize,
}

impl TokenWindows {
    /// Returns the token range of each window. All windows are full except the last, which ends with the text.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (window_tokens, end) = (self.window_tokens, self.tokens.len());
        let step = window_tokens.saturating_sub(self.overlap_tokens).max(1);
        let count = 1 + end.saturating_sub(window_tokens).div_ceil(step);
        (0..count).map(move |number| number * step..(number * step + window_tokens).min(end))
    }
}

/// Job with its token sequences, ready to be encoded.
pub struct TokenizedJob {
    pub job: EncodeJob,
    pub sequences: TokenSequences,
    /// Time that tokenization took.
    pub tokenize_time: Duration,
}

/// Tokenizes the text of a job. Returns `None` if the job is abandoned, or was answered with an error.
pub fn tokenize(job: EncodeJob) -> Option<TokenizedJob> {
    if job.next_stage.is_abandoned() {
        return None;
    }
    let start = Instant::now();
    match catch_panic_message(|| build_sequences(&job)) {
        Ok(Ok(TokenSequences::Single(tokens))) if tokens.is_truncated && job.long_text == LongTextPolicy::Reject => {
            let max_length = job.role_encoder().tokenizer.max_length().unwrap_or(usize::MAX);
            let message = format!(
                "the text has more tokens than the model's maximum of {max_length}; split it, or set \
                 LONG_TEXT_WINDOW or LONG_TEXT_TRUNCATE"
            );
            job.reject(ErrorReason::TextTooLong, message);
        }
        Ok(Ok(sequences)) if !job.role_encoder().tokenizer.has_content(sequences.ids()) => {
            job.reject(ErrorReason::EmptyText, NO_CONTENT_MESSAGE)
        }
        Ok(Ok(sequences)) => return Some(TokenizedJob { job, sequences, tokenize_time: start.elapsed() }),
        Ok(Err(error)) => {
            let message = format!("the model's tokenizer failed on the text: {error}; change the text");
            job.reject(ErrorReason::InvalidArgument, message);
        }
        Err(error) => {
            counter!(names::ENCODER_FAILURES).increment(1);
            tracing::error!(error, "tokenizer panicked");
            job.reject(ErrorReason::EncodingFailed, "the tokenizer failed on this text; please report this as a bug");
        }
    }
    None
}

fn build_sequences(job: &EncodeJob) -> tokenizers::Result<TokenSequences> {
    let tokenizer = &job.role_encoder().tokenizer;
    let (overlap_tokens, window_tokens) = match (job.long_text, tokenizer.max_content_tokens()) {
        (LongTextPolicy::Window { overlap }, Some(size)) => (overlap, size),
        (LongTextPolicy::TruncateLeft, _) => return tokenizer.tokenize_tail(&job.text).map(TokenSequences::Single),
        _ => return tokenizer.tokenize(&job.text).map(TokenSequences::Single),
    };
    let tokens = tokenizer.tokenize_all(&job.text)?;
    if tokens.len() > window_tokens {
        return Ok(TokenSequences::Windows(TokenWindows { tokens, window_tokens, overlap_tokens }));
    }
    Ok(TokenSequences::Single(TokenizedText { ids: tokenizer.build_sequence(&tokens)?, is_truncated: false }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Invariants: the windows cover the text in order; each is full except the last; each shares exactly the
        /// overlap with the previous one and extends beyond it.
        #[test]
        fn windows_cover_the_text(length in 1usize..300, size in 1usize..40, overlap in 0usize..40) {
            prop_assume!(overlap < size);
            let windows = TokenWindows { tokens: (0..length as u32).collect(), window_tokens: size, overlap_tokens: overlap };
            let ranges: Vec<_> = windows.ranges().collect();
            prop_assert_eq!(ranges[0].start, 0);
            prop_assert_eq!(ranges.last().unwrap().end, length);
            prop_assert!(ranges.iter().all(|range| range.len() <= size && !range.is_empty()));
            for pair in ranges.windows(2) {
                prop_assert_eq!(pair[0].len(), size);
                prop_assert_eq!(pair[0].end - pair[1].start, overlap);
                prop_assert!(pair[1].end > pair[0].end);
            }
        }
    }
}
