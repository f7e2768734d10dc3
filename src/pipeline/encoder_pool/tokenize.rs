//! A job's text becomes the sequences of tokens that are encoded: one, or overlapping windows.

use std::ops::Range;
use std::time::Duration;

use metrics::counter;
use tokio::time::Instant;

use super::catch_panic::catch_panic;
use super::job::EncodeJob;
use crate::metrics as names;
use crate::model::Tokens;
use crate::types::{LongText, Reason};

/// A text's tokens, as the encoder takes them.
pub enum Sequences {
    /// All of them, or the first, as many as the model takes.
    One(Tokens),
    /// More than the model takes at once.
    Windows(Windows),
}

impl Sequences {
    /// Returns the tokens of the text, of a long one without special tokens.
    fn ids(&self) -> &[u32] {
        match self {
            Self::One(tokens) => &tokens.ids,
            Self::Windows(windows) => &windows.tokens,
        }
    }
}

/// The message for a text that the tokenizer leaves no content of.
const NO_CONTENT: &str = "nothing is left of the text after the model's normalization: it has only special tokens and \
    characters that the tokenizer removes, such as combining marks, private-use characters or U+FFFD; send a text with \
    words, or leave it out";

/// The tokens of a long text and how they are cut into overlapping windows.
pub struct Windows {
    /// Without special tokens, which each window gets for itself.
    pub tokens: Vec<u32>,
    /// The tokens of one window.
    size: usize,
    /// The tokens that a window shares with the one before it. Fewer than `size`.
    overlap: usize,
}

impl Windows {
    /// Where the windows lie: each is full but the last, which ends with the text.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (size, end) = (self.size, self.tokens.len());
        let step = size.saturating_sub(self.overlap).max(1);
        let count = 1 + end.saturating_sub(size).div_ceil(step);
        (0..count).map(move |number| number * step..(number * step + size).min(end))
    }
}

/// A text that is ready to be encoded.
pub struct Tokenized {
    pub job: EncodeJob,
    pub sequences: Sequences,
    /// How long that took.
    pub tokenizing: Duration,
}

/// Makes a text ready, or answers for it.
pub fn tokenize(job: EncodeJob) -> Option<Tokenized> {
    if job.next.is_abandoned() {
        return None;
    }
    let start = Instant::now();
    match catch_panic(|| sequences(&job)) {
        Ok(Ok(Sequences::One(tokens))) if tokens.truncated && job.long_text == LongText::Reject => {
            let max_length = job.side().tokenizer.max_length().unwrap_or(usize::MAX);
            let message = format!(
                "the text has more tokens than the {max_length} that the model takes; split it, or ask for \
                 LONG_TEXT_WINDOW or LONG_TEXT_TRUNCATE"
            );
            job.refuse(Reason::TextTooLong, message);
        }
        Ok(Ok(sequences)) if !job.side().tokenizer.has_content(sequences.ids()) => {
            job.refuse(Reason::EmptyText, NO_CONTENT)
        }
        Ok(Ok(sequences)) => return Some(Tokenized { job, sequences, tokenizing: start.elapsed() }),
        Ok(Err(error)) => {
            let message = format!("the model's tokenizer can't read the text: {error}; change the text");
            job.refuse(Reason::InvalidArgument, message);
        }
        Err(problem) => {
            counter!(names::ENCODER_FAILURES).increment(1);
            tracing::error!(problem, "a tokenizer failed");
            job.refuse(Reason::EncodingFailed, "the tokenizer failed on this text; report it as a defect");
        }
    }
    None
}

fn sequences(job: &EncodeJob) -> tokenizers::Result<Sequences> {
    let tokenizer = &job.side().tokenizer;
    let (overlap, size) = match (job.long_text, tokenizer.room()) {
        (LongText::Window { overlap }, Some(size)) => (overlap, size),
        (LongText::TruncateLeft, _) => return tokenizer.tokenize_end(&job.text).map(Sequences::One),
        _ => return tokenizer.tokenize(&job.text).map(Sequences::One),
    };
    let tokens = tokenizer.tokens(&job.text)?;
    if tokens.len() > size {
        return Ok(Sequences::Windows(Windows { tokens, size, overlap }));
    }
    Ok(Sequences::One(Tokens { ids: tokenizer.sequence(&tokens)?, truncated: false }))
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
            let windows = Windows { tokens: (0..length as u32).collect(), size, overlap };
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
