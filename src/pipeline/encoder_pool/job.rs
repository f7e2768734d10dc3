//! What the encoder threads are given, and what they give back.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use tokio::time::Instant;

use crate::metrics as names;
use crate::model::{Model, Side};
use crate::trace::Origin;
use crate::types::{Fault, LongText, Pruned, Pruning, Reason, Role, SparseVector};

/// A text to encode.
pub struct EncodeJob {
    pub model: Arc<Model>,
    pub role: Role,
    pub text: String,
    pub long_text: LongText,
    pub pruning: Pruning,
    pub origin: Origin,
    pub next: Box<dyn Continuation>,
}

/// What happens to a text's vector.
pub trait Continuation: Send {
    /// Whether nobody waits for it any more: then the text is dropped before it is encoded.
    fn is_abandoned(&self) -> bool;

    /// Takes the vector, or the reason why there is none. Called on an encoder thread: must not block.
    fn encoded(self: Box<Self>, text: String, outcome: Result<Encoded, Fault>);
}

/// An encoded text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Encoded {
    pub vector: SparseVector,
    /// Tokens that were encoded, special ones included; over all windows, so what overlaps counts in each.
    pub tokens: usize,
    /// Windows that were encoded: one, unless the text is longer than the model takes and windows were asked for.
    pub windows: usize,
    /// Whether the text was cut to the model's max length.
    pub truncated: bool,
    pub pruned: Pruned,
    pub took: Took,
}

/// How long the steps of a text's encoding took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Took {
    /// It waited for an encoder thread, and for its batch.
    pub waiting: Duration,
    pub tokenizing: Duration,
    /// The whole batch, or all batches of its windows.
    pub encoding: Duration,
}

impl EncodeJob {
    /// How texts of its role are encoded.
    pub fn side(&self) -> &Side {
        self.model.side(self.role)
    }

    /// How long its steps took, if its encoding began at `begun` and has just ended.
    pub fn took(&self, tokenizing: Duration, begun: Instant) -> Took {
        let before = begun.saturating_duration_since(self.origin.since);
        Took { waiting: before.saturating_sub(tokenizing), tokenizing, encoding: begun.elapsed() }
    }

    /// Prunes the vector and hands it on.
    pub fn finish(self, mut encoded: Encoded) {
        encoded.pruned = encoded.vector.prune(self.pruning);
        if encoded.truncated {
            counter!(names::TRUNCATED).increment(1);
        }
        if encoded.windows > 1 {
            counter!(names::WINDOWED).increment(1);
        }
        counter!(names::TOKENS, "model" => self.model.name.clone()).increment(encoded.tokens as u64);
        histogram!(names::VECTOR_TERMS, "role" => self.role.as_str()).record(encoded.vector.len() as f64);
        self.next.encoded(self.text, Ok(encoded));
    }

    /// Hands on why there is no vector.
    pub fn refuse(self, reason: Reason, message: impl Into<String>) {
        self.next.encoded(self.text, Err(Fault::new(reason, "text", message)));
    }
}

impl fmt::Debug for EncodeJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncodeJob")
            .field("model", &self.model.name)
            .field("role", &self.role)
            .field("bytes", &self.text.len())
            .finish_non_exhaustive()
    }
}
