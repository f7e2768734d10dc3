//! Encoding of batches.
//!
//! Texts of one encoder form one forward pass. If the encoder fails on a batch, each text is encoded separately, so
//! that only the text that causes the failure is rejected. A text whose vector is not finite is rejected without
//! encoding the others again.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Span, debug_span};

use super::catch_panic::catch_panic_message;
use super::encoded_vector::EncodedVector;
use super::job::EncodeJob;
use crate::metrics as names;
use crate::model::{EncoderOutput, InferenceDType, Model, TokenBatch, TokenizedText, YieldPoint};
use crate::trace;
use crate::types::{ErrorReason, Role};

/// Text that is ready to be encoded as one sequence.
pub struct BatchItem {
    pub job: EncodeJob,
    pub tokens: TokenizedText,
    /// Time that tokenization took.
    pub tokenize_time: Duration,
}

/// Encodes a batch of at most `max_batch_tokens` tokens, with one forward pass per encoder. Abandoned texts are
/// dropped.
pub fn encode_batch(mut batch: Vec<BatchItem>, max_batch_tokens: usize, yield_point: &mut YieldPoint<'_>) {
    batch.retain(|text| !text.job.next_stage.is_abandoned());
    while let Some(encoder) = batch.first().map(|text| Arc::clone(&text.job.role_encoder().encoder)) {
        let (group, remaining) =
            batch.into_iter().partition(|text| Arc::ptr_eq(&text.job.role_encoder().encoder, &encoder));
        encode_group(group, max_batch_tokens, yield_point);
        batch = remaining;
    }
}

/// Encodes texts of the same encoder.
fn encode_group(group: Vec<BatchItem>, max_batch_tokens: usize, yield_point: &mut YieldPoint<'_>) {
    let Some(EncodeJob { model, role, .. }) = group.first().map(|text| &text.job) else { return };
    let span = create_batch_span(&group);
    let _entered = span.enter();
    let batch = group.iter().map(|text| text.tokens.ids.as_slice()).collect();
    let started_at = Instant::now();
    match run_encoder(model, *role, &batch, max_batch_tokens, yield_point) {
        Ok(outputs) => {
            group.into_iter().zip(outputs).for_each(|(text, output)| text.finish(output, started_at));
        }
        // Encode each text separately, so that only the text on which the encoder fails is rejected.
        Err(_) if group.len() > 1 => {
            group.into_iter().for_each(|text| encode_group(vec![text], max_batch_tokens, yield_point));
        }
        Err(failure) => group.into_iter().for_each(|text| failure.reject(text.job)),
    }
}

impl BatchItem {
    /// Answers with the vector, or with an error if the vector is not finite.
    fn finish(self, output: EncoderOutput, started_at: Instant) {
        let Self { job, tokens: TokenizedText { ids, is_truncated: truncated }, tokenize_time } = self;
        let timings = job.compute_timings(tokenize_time, started_at);
        match output {
            Ok(vector) => {
                job.finish(EncodedVector {
                    vector,
                    tokens: ids.len(),
                    windows: 1,
                    truncated,
                    timings,
                    ..EncodedVector::default()
                });
            }
            Err(_) => EncodeFailure::NonFinite.reject(job),
        }
    }
}

/// Creates the span of a batch, with the longest queue time of its texts.
fn create_batch_span(group: &[BatchItem]) -> Span {
    let first = group.first().and_then(|text| text.job.origin.span.id());
    let span = debug_span!(parent: first, "encode", texts = group.len(), tokens = Empty, waited_ms = Empty);
    if !span.is_disabled() {
        span.record("tokens", group.iter().map(|text| text.tokens.ids.len()).sum::<usize>());
        let oldest_queued_at = group.iter().map(|text| text.job.origin.queued_at).min().unwrap_or_else(Instant::now);
        span.record("waited_ms", oldest_queued_at.elapsed().as_secs_f64() * 1e3);
    }
    trace::link_batch_span(span, group.iter().map(|text| &text.job.origin.span))
}

/// Reason why a text has no vector. Already counted and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeFailure {
    /// The encoder failed or panicked.
    Encoder,
    /// The vector of the text, or of one of its windows, is not finite.
    NonFinite,
}

impl EncodeFailure {
    /// Rejects the text.
    pub fn reject(self, job: EncodeJob) {
        match self {
            // INTERNAL is retryable: the cause may be the encoder rather than this text.
            Self::Encoder => {
                job.reject(ErrorReason::Internal, "the encoder failed on this text; please report this as a bug")
            }
            Self::NonFinite => {
                let message = describe_non_finite(&job.model);
                job.reject(ErrorReason::EncodingFailed, message);
            }
        }
    }
}

/// Formats the error for a text whose vector is not finite.
fn describe_non_finite(Model { name, dtype, .. }: &Model) -> String {
    let remedy = match dtype {
        InferenceDType::Float32 => "use another model",
        InferenceDType::Float16 | InferenceDType::Int8 => "use --dtype float32 or another model",
    };
    format!(
        "the output of model `{name}` for this text is not finite (NaN or infinity): the model's weights are not finite, or \
         its activations overflow in {dtype}; {remedy}, and report the text as a bug"
    )
}

/// Encodes a batch and returns one output per sequence. Counts and logs failures and outputs that are not finite.
///
/// # Errors
/// [`EncodeFailure::Encoder`] if the encoder fails, panics, or returns a wrong number of outputs.
pub fn run_encoder(
    model: &Model,
    role: Role,
    batch: &TokenBatch,
    max_batch_tokens: usize,
    yield_point: &mut YieldPoint<'_>,
) -> Result<Vec<EncoderOutput>, EncodeFailure> {
    histogram!(names::BATCH_TEXTS).record(batch.len() as f64);
    histogram!(names::BATCH_TOKENS).record(batch.ids().len() as f64);
    histogram!(names::BATCH_FILL).record((batch.ids().len() as f64 / max_batch_tokens as f64).min(1.0));
    let start = Instant::now();
    let outcome = catch_panic_message(|| model.role_encoder(role).encoder.encode(batch, yield_point));
    histogram!(names::ENCODE_SECONDS).record(start.elapsed().as_secs_f64());
    let error = match outcome {
        Ok(Ok(outputs)) if outputs.len() == batch.len() => {
            report_non_finite(model, &outputs);
            return Ok(outputs);
        }
        Ok(Ok(outputs)) => format!("the encoder returned {} outputs for {} sequences", outputs.len(), batch.len()),
        Ok(Err(error)) => error.to_string(),
        Err(panic_message) => panic_message,
    };
    counter!(names::ENCODER_FAILURES).increment(1);
    tracing::error!(error, model = model.name, sequences = batch.len(), "encoder failed");
    Err(EncodeFailure::Encoder)
}

/// Counts and logs outputs that are not finite (NaN or infinity).
fn report_non_finite(model: &Model, outputs: &[EncoderOutput]) {
    let count = outputs.iter().filter(|output| output.is_err()).count();
    if count > 0 {
        counter!(names::NONFINITE_VECTORS, "model" => model.name.clone()).increment(count as u64);
        let Model { name, dtype, .. } = model;
        tracing::error!(model = name, %dtype, sequences = count, "model output is not finite");
    }
}
