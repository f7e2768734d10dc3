//! What the encoder threads are given.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use tokio::time::Instant;

use super::encoded::{Encoded, Took};
use super::next::Next;
use crate::metrics as names;
use crate::model::{Model, Side};
use crate::trace::Origin;
use crate::types::{Fault, LongText, Pruning, Reason, Role};

/// A text to encode.
pub struct EncodeJob {
    pub model: Arc<Model>,
    pub role: Role,
    pub text: String,
    pub long_text: LongText,
    pub pruning: Pruning,
    pub origin: Origin,
    pub next: Next,
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
