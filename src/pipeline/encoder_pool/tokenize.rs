//! A job's text becomes the sequences of tokens that are encoded: one, or overlapping windows.

use std::ops::Range;
use std::time::Duration;

use metrics::counter;
use tokio::time::Instant;

use super::catch_panic::catch_panic_message;
use super::job::EncodeJob;
use crate::metrics as names;
use crate::model::TokenizedText;
use crate::types::{ErrorReason, LongTextPolicy};

/// A text's tokens, as the encoder takes them.
pub enum TokenSequences {
    /// All of them, or the first, as many as the model takes.
    Single(TokenizedText),
    /// More than the model takes at once.
    Windows(TokenWindows),
}

impl TokenSequences {
    /// Returns the tokens of the text, of a long one without special tokens.
    fn ids(&self) -> &[u32] {
        match self {
            Self::Single(tokens) => &tokens.ids,
            Self::Windows(windows) => &windows.tokens,
        }
    }
}

/// The message for a text that the tokenizer leaves no content of.
const NO_CONTENT_MESSAGE: &str = "nothing is left of the text after the model's normalization: it has only special tokens and \
    characters that the tokenizer removes, such as combining marks, private-use characters or U+FFFD; send a text with \
    words, or leave it out";

/// The tokens of a long text and how they are cut into overlapping windows.
pub struct TokenWindows {
    /// Without special tokens, which each window gets for itself.
    pub tokens: Vec<u32>,
    /// The tokens of one window.
    window_tokens: usize,
    /// The tokens that a window shares with the one before it. Fewer than `size`.
    overlap_tokens: usize,
}

impl TokenWindows {
    /// Where the windows lie: each is full but the last, which ends with the text.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (window_tokens, end) = (self.window_tokens, self.tokens.len());
        let step = window_tokens.saturating_sub(self.overlap_tokens).max(1);
        let count = 1 + end.saturating_sub(window_tokens).div_ceil(step);
        (0..count).map(move |number| number * step..(number * step + window_tokens).min(end))
    }
}

/// A text that is ready to be encoded.
pub struct TokenizedJob {
    pub job: EncodeJob,
    pub sequences: TokenSequences,
    /// How long that took.
    pub tokenize_time: Duration,
}

/// Makes a text ready, or answers for it.
pub fn tokenize(job: EncodeJob) -> Option<TokenizedJob> {
    if job.next_stage.is_abandoned() {
        return None;
    }
    let start = Instant::now();
    match catch_panic_message(|| build_sequences(&job)) {
        Ok(Ok(TokenSequences::Single(tokens))) if tokens.is_truncated && job.long_text == LongTextPolicy::Reject => {
            let max_length = job.role_encoder().tokenizer.max_length().unwrap_or(usize::MAX);
            let message = format!(
                "the text has more tokens than the {max_length} that the model takes; split it, or ask for \
                 LONG_TEXT_WINDOW or LONG_TEXT_TRUNCATE"
            );
            job.reject(ErrorReason::TextTooLong, message);
        }
        Ok(Ok(sequences)) if !job.role_encoder().tokenizer.has_content(sequences.ids()) => {
            job.reject(ErrorReason::EmptyText, NO_CONTENT_MESSAGE)
        }
        Ok(Ok(sequences)) => return Some(TokenizedJob { job, sequences, tokenize_time: start.elapsed() }),
        Ok(Err(error)) => {
            let message = format!("the model's tokenizer can't read the text: {error}; change the text");
            job.reject(ErrorReason::InvalidArgument, message);
        }
        Err(problem) => {
            counter!(names::ENCODER_FAILURES).increment(1);
            tracing::error!(problem, "a tokenizer failed");
            job.reject(ErrorReason::EncodingFailed, "the tokenizer failed on this text; report it as a defect");
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
        /// Laws: the windows are the text, in order; each is full but the last; each shares just the overlap with the one
        /// before it, and has something that this one has not.
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
