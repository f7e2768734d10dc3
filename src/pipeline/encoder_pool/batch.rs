//! Batches are encoded: the texts of each encoder together, and those that an encoder fails on alone.

use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Span, debug_span};

use super::caught;
use super::job::{EncodeJob, Encoded};
use crate::metrics as names;
use crate::model::{Encoder, TokenBatch, Tokens};
use crate::trace;
use crate::types::{Reason, SparseVector};

/// A text that is ready to be encoded as one sequence.
pub struct Text {
    pub job: EncodeJob,
    pub tokens: Tokens,
    /// How long it took to make them.
    pub tokenizing: Duration,
}

/// Encodes a batch of at most `batch_tokens`, the texts of each encoder together.
pub fn encode(mut batch: Vec<Text>, batch_tokens: usize, between: &mut dyn FnMut()) {
    batch.retain(|text| !text.job.next.is_abandoned());
    while let Some(encoder) = batch.first().map(|text| Arc::clone(&text.job.side().encoder)) {
        let (group, rest) = batch.into_iter().partition(|text| Arc::ptr_eq(&text.job.side().encoder, &encoder));
        encode_group(&*encoder, group, batch_tokens, between);
        batch = rest;
    }
}

fn encode_group(encoder: &dyn Encoder, group: Vec<Text>, batch_tokens: usize, between: &mut dyn FnMut()) {
    let span = span(&group);
    let _entered = span.enter();
    let batch = group.iter().map(|text| text.tokens.ids.as_slice()).collect();
    let begun = Instant::now();
    match vectors(encoder, &batch, batch_tokens, between) {
        Ok(vectors) => group.into_iter().zip(vectors).for_each(|(Text { job, tokens, tokenizing }, vector)| {
            let Tokens { ids, truncated } = tokens;
            let took = job.took(tokenizing, begun);
            job.finish(Encoded { vector, tokens: ids.len(), windows: 1, truncated, took, ..Encoded::default() });
        }),
        // Its neighbours must not pay for the text that the encoder fails on.
        Err(_) if group.len() > 1 => {
            group.into_iter().for_each(|text| encode_group(encoder, vec![text], batch_tokens, between));
        }
        Err(_) => group.into_iter().for_each(|text| refuse(text.job)),
    }
}

/// The span of a batch; it says how long the text waited that waited longest.
fn span(group: &[Text]) -> Span {
    let first = group.first().and_then(|text| text.job.origin.span.id());
    let span = debug_span!(parent: first, "encode", texts = group.len(), tokens = Empty, waited_ms = Empty);
    if !span.is_disabled() {
        span.record("tokens", group.iter().map(|text| text.tokens.ids.len()).sum::<usize>());
        let oldest = group.iter().map(|text| text.job.origin.since).min().unwrap_or_else(Instant::now);
        span.record("waited_ms", oldest.elapsed().as_secs_f64() * 1e3);
    }
    trace::batch(span, group.iter().map(|text| &text.job.origin.span))
}

/// Answers for a text that the encoder fails on.
pub fn refuse(job: EncodeJob) {
    job.refuse(Reason::Internal, "the encoder failed on this text; report it as a defect");
}

/// One vector a sequence, or what went wrong, which is logged here.
pub fn vectors(
    encoder: &dyn Encoder,
    batch: &TokenBatch,
    batch_tokens: usize,
    between: &mut dyn FnMut(),
) -> Result<Vec<SparseVector>, String> {
    histogram!(names::BATCH_TEXTS).record(batch.len() as f64);
    histogram!(names::BATCH_TOKENS).record(batch.ids().len() as f64);
    histogram!(names::BATCH_FILL).record((batch.ids().len() as f64 / batch_tokens as f64).min(1.0));
    let start = Instant::now();
    let outcome = caught(|| encoder.encode(batch, between));
    histogram!(names::ENCODE_SECONDS).record(start.elapsed().as_secs_f64());
    let outcome = match outcome {
        Ok(Ok(vectors)) if vectors.len() == batch.len() => Ok(vectors),
        Ok(Ok(vectors)) => Err(format!("{} vectors for {} sequences", vectors.len(), batch.len())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(problem) => Err(problem),
    };
    outcome.inspect_err(|problem| {
        counter!(names::ENCODER_FAILURES).increment(1);
        tracing::error!(problem, sequences = batch.len(), "an encoder failed");
    })
}
