//! Encoding of long texts as windows.
//!
//! Each window is encoded like a separate text, and the weight of a term is its maximum over all windows. The vector
//! therefore does not depend on how the windows were batched.
//!
//! A book has thousands of windows. They are built and encoded one batch at a time, and only the running maximum is
//! kept.
//!
//! See docs/adr/0022-long-texts.md.

use std::ops::Range;
use std::time::Duration;

use metrics::counter;
use tokio::time::Instant;
use tracing::debug_span;

use super::batch::{EncodeFailure, run_encoder};
use super::encoded_vector::EncodedVector;
use super::job::EncodeJob;
use super::tokenize::TokenWindows;
use crate::metrics as names;
use crate::model::{TokenBatch, YieldPoint};
use crate::pipeline::batcher::{BatchLimits, WeightedBatcher};
use crate::trace;

/// Encodes the windows of a text in batches of at most `max_batch_tokens` tokens. Stops early if the job is abandoned.
pub fn encode_windows(
    job: EncodeJob,
    windows: &TokenWindows,
    tokenize_time: Duration,
    max_batch_tokens: usize,
    yield_point: &mut YieldPoint<'_>,
) {
    let waited_ms = job.origin.queued_at.elapsed().as_secs_f64() * 1e3;
    let span = debug_span!(parent: job.origin.span.id(), "encode", texts = 1, tokens = windows.tokens.len(), waited_ms);
    let span = trace::link_batch_span(span, [&job.origin.span]);
    let _entered = span.enter();
    let started_at = Instant::now();
    match encode_and_merge(&job, windows, max_batch_tokens, yield_point) {
        Ok(Some(encoded)) => {
            let timings = job.compute_timings(tokenize_time, started_at);
            job.finish(EncodedVector { timings, ..encoded });
        }
        Ok(None) => {}
        Err(failure) => failure.reject(job),
    }
}

/// Returns the merged vector of all windows; `None` if the job was abandoned.
fn encode_and_merge(
    job: &EncodeJob,
    windows: &TokenWindows,
    max_batch_tokens: usize,
    yield_point: &mut YieldPoint<'_>,
) -> Result<Option<EncodedVector>, EncodeFailure> {
    let mut encoded = EncodedVector::default();
    let mut batcher = WeightedBatcher::new(BatchLimits {
        max_items: usize::MAX,
        max_weight: max_batch_tokens,
        max_age: Duration::ZERO,
    });
    for range in windows.ranges() {
        let window = build_window_sequence(job, windows, range)?;
        let weight = window.len();
        if let Some(batch) = batcher.push(window, weight, Instant::now()) {
            if job.next_stage.is_abandoned() {
                return Ok(None);
            }
            merge_batch(&mut encoded, job, batch, max_batch_tokens, yield_point)?;
        }
    }
    if let Some(batch) = batcher.flush() {
        merge_batch(&mut encoded, job, batch, max_batch_tokens, yield_point)?;
    }
    Ok(Some(encoded))
}

/// Builds the sequence of one window, including special tokens.
fn build_window_sequence(
    job: &EncodeJob,
    windows: &TokenWindows,
    range: Range<usize>,
) -> Result<Vec<u32>, EncodeFailure> {
    let tokens = windows.tokens.get(range).ok_or("window out of range of the text's tokens".into());
    tokens.and_then(|tokens| job.role_encoder().tokenizer.build_sequence(tokens)).map_err(|error| {
        counter!(names::ENCODER_FAILURES).increment(1);
        tracing::error!(%error, model = job.model.name, "tokenizer failed");
        EncodeFailure::Encoder
    })
}

/// Encodes a batch of windows and merges their vectors into the text's vector by element-wise maximum.
///
/// # Errors
/// If the encoder fails, or the vector of a window is not finite.
fn merge_batch(
    encoded: &mut EncodedVector,
    job: &EncodeJob,
    batch: Vec<Vec<u32>>,
    max_batch_tokens: usize,
    yield_point: &mut YieldPoint<'_>,
) -> Result<(), EncodeFailure> {
    let batch: TokenBatch = batch.iter().map(Vec::as_slice).collect();
    for output in run_encoder(&job.model, job.role, &batch, max_batch_tokens, yield_point)? {
        encoded.vector = encoded.vector.elementwise_max(&output.map_err(|_| EncodeFailure::NonFinite)?);
    }
    encoded.tokens += batch.ids().len();
    encoded.windows += batch.len();
    Ok(())
}
