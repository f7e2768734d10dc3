//! Jobs of the encoder threads.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use tokio::time::Instant;

use super::encoded_vector::{EncodedVector, Timings};
use super::next_stage::NextStage;
use crate::metrics as names;
use crate::model::{Model, RoleEncoder};
use crate::trace::JobOrigin;
use crate::types::{ApiError, ErrorReason, LongTextPolicy, Pruning, Role};

/// Text to encode, with its model, options and next stage.
pub struct EncodeJob {
    pub model: Arc<Model>,
    pub role: Role,
    pub text: String,
    pub long_text: LongTextPolicy,
    pub pruning: Pruning,
    pub origin: JobOrigin,
    pub next_stage: NextStage,
}

impl EncodeJob {
    /// Returns the tokenizer and encoder for the text's role.
    pub fn role_encoder(&self) -> &RoleEncoder {
        self.model.role_encoder(self.role)
    }

    /// Returns the durations of the job's steps, if encoding started at `started_at` and has just ended.
    pub fn compute_timings(&self, tokenize_time: Duration, started_at: Instant) -> Timings {
        let time_to_start = started_at.saturating_duration_since(self.origin.queued_at);
        Timings {
            queue_time: time_to_start.saturating_sub(tokenize_time),
            tokenize_time,
            encode_time: started_at.elapsed(),
        }
    }

    /// Prunes the vector, records its metrics and passes it to the next stage.
    pub fn finish(self, mut encoded: EncodedVector) {
        encoded.pruned = encoded.vector.prune(self.pruning);
        if encoded.truncated {
            counter!(names::TRUNCATED).increment(1);
        }
        if encoded.windows > 1 {
            counter!(names::WINDOWED).increment(1);
        }
        counter!(names::TOKENS, "model" => self.model.name.clone()).increment(encoded.tokens as u64);
        histogram!(names::VECTOR_TERMS, "role" => self.role.as_str()).record(encoded.vector.len() as f64);
        self.next_stage.complete(self.text, Ok(encoded));
    }

    /// Passes an error to the next stage.
    pub fn reject(self, reason: ErrorReason, message: impl Into<String>) {
        self.next_stage.complete(self.text, Err(ApiError::new(reason, "text", message)));
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
