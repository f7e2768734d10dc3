//! Long texts as windows: each window is encoded as a text of its own would be, and a term's weight is the largest that it
//! has in any of them. So the vector is the same whatever batches the windows were in.
//!
//! A book has thousands of windows. They are made and encoded a batch at a time, and only the largest weights so far are
//! kept.

use std::ops::Range;
use std::time::Duration;

use metrics::counter;
use tokio::time::Instant;
use tracing::debug_span;

use super::batch::{Failure, outputs};
use super::encoded::Encoded;
use super::job::EncodeJob;
use super::tokenize::Windows;
use crate::metrics as names;
use crate::model::{TokenBatch, YieldPoint};
use crate::pipeline::batcher::{Batcher, Limits};
use crate::trace;

/// Encodes the windows of a text, `batch_tokens` at a time, unless nobody waits for it any more.
pub fn encode(
    job: EncodeJob,
    windows: &Windows,
    tokenizing: Duration,
    batch_tokens: usize,
    yield_point: &mut YieldPoint<'_>,
) {
    let waited_ms = job.origin.since.elapsed().as_secs_f64() * 1e3;
    let span = debug_span!(parent: job.origin.span.id(), "encode", texts = 1, tokens = windows.tokens.len(), waited_ms);
    let span = trace::batch(span, [&job.origin.span]);
    let _entered = span.enter();
    let begun = Instant::now();
    match encode_all(&job, windows, batch_tokens, yield_point) {
        Ok(Some(encoded)) => {
            let took = job.took(tokenizing, begun);
            job.finish(Encoded { took, ..encoded });
        }
        Ok(None) => {}
        Err(failure) => failure.refuse(job),
    }
}

/// What all windows give together; `None` if nobody waits for it.
fn encode_all(
    job: &EncodeJob,
    windows: &Windows,
    batch_tokens: usize,
    yield_point: &mut YieldPoint<'_>,
) -> Result<Option<Encoded>, Failure> {
    let mut encoded = Encoded::default();
    let mut batcher = Batcher::new(Limits { items: usize::MAX, weight: batch_tokens, age: Duration::ZERO });
    for range in windows.ranges() {
        let window = window(job, windows, range)?;
        let weight = window.len();
        if let Some(batch) = batcher.push(window, weight, Instant::now()) {
            if job.next.is_abandoned() {
                return Ok(None);
            }
            add(&mut encoded, job, batch, batch_tokens, yield_point)?;
        }
    }
    if let Some(batch) = batcher.flush() {
        add(&mut encoded, job, batch, batch_tokens, yield_point)?;
    }
    Ok(Some(encoded))
}

/// The sequence of one window, with special tokens around it.
fn window(job: &EncodeJob, windows: &Windows, range: Range<usize>) -> Result<Vec<u32>, Failure> {
    let tokens = windows.tokens.get(range).ok_or("the window is not within the text".into());
    tokens.and_then(|tokens| job.side().tokenizer.sequence(tokens)).map_err(|error| {
        counter!(names::ENCODER_FAILURES).increment(1);
        tracing::error!(%error, model = job.model.name, "a tokenizer failed");
        Failure::Encoder
    })
}

/// Encodes a batch of windows and merges their vectors into the text's, term by term the maximum.
///
/// # Errors
/// If the encoder fails, or the vector of a window is not finite.
fn add(
    encoded: &mut Encoded,
    job: &EncodeJob,
    batch: Vec<Vec<u32>>,
    batch_tokens: usize,
    yield_point: &mut YieldPoint<'_>,
) -> Result<(), Failure> {
    let batch: TokenBatch = batch.iter().map(Vec::as_slice).collect();
    for output in outputs(&job.model, job.role, &batch, batch_tokens, yield_point)? {
        encoded.vector = encoded.vector.max(&output.map_err(|_| Failure::NonFinite)?);
    }
    encoded.tokens += batch.ids().len();
    encoded.windows += batch.len();
    Ok(())
}
