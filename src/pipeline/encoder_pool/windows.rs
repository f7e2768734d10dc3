//! Long texts as windows: each window is encoded as a text of its own would be, and a term's weight is the largest that it
//! has in any of them. So the vector is the same whatever batches the windows were in.
//!
//! A book has thousands of windows. They are made and encoded a batch at a time, and only the largest weights so far are
//! kept.

use std::time::Duration;

use tokio::time::Instant;
use tracing::debug_span;

use super::batch::{refuse, vectors};
use super::job::{EncodeJob, Encoded};
use super::tokenize::Windows;
use crate::model::{Side, TokenBatch};
use crate::pipeline::batcher::{Batcher, Limits};
use crate::trace;

/// Encodes the windows of a text, `batch_tokens` at a time, unless nobody waits for it any more.
pub fn encode(job: EncodeJob, windows: &Windows, tokenizing: Duration, batch_tokens: usize, between: &mut dyn FnMut()) {
    let waited_ms = job.origin.since.elapsed().as_secs_f64() * 1e3;
    let span = debug_span!(parent: job.origin.span.id(), "encode", texts = 1, tokens = windows.tokens.len(), waited_ms);
    let span = trace::batch(span, [&job.origin.span]);
    let _entered = span.enter();
    let begun = Instant::now();
    match encode_all(&job, windows, batch_tokens, between) {
        Ok(Some(encoded)) => {
            let took = job.took(tokenizing, begun);
            job.finish(Encoded { took, ..encoded });
        }
        Ok(None) => {}
        Err(_) => refuse(job),
    }
}

/// What all windows give together; `None` if nobody waits for it.
fn encode_all(
    job: &EncodeJob,
    windows: &Windows,
    batch_tokens: usize,
    between: &mut dyn FnMut(),
) -> Result<Option<Encoded>, String> {
    let side = job.side();
    let mut encoded = Encoded::default();
    let mut batcher = Batcher::new(Limits { items: usize::MAX, weight: batch_tokens, age: Duration::ZERO });
    for range in windows.ranges() {
        let tokens = windows.tokens.get(range).unwrap_or_default();
        let window = side.tokenizer.sequence(tokens).map_err(|error| error.to_string())?;
        let weight = window.len();
        if let Some(batch) = batcher.push(window, weight, Instant::now()) {
            if job.next.is_abandoned() {
                return Ok(None);
            }
            add(&mut encoded, side, batch, batch_tokens, between)?;
        }
    }
    if let Some(batch) = batcher.flush() {
        add(&mut encoded, side, batch, batch_tokens, between)?;
    }
    Ok(Some(encoded))
}

/// Encodes a batch of windows and takes what is larger in them.
fn add(
    encoded: &mut Encoded,
    side: &Side,
    batch: Vec<Vec<u32>>,
    batch_tokens: usize,
    between: &mut dyn FnMut(),
) -> Result<(), String> {
    let batch: TokenBatch = batch.iter().map(Vec::as_slice).collect();
    for vector in vectors(&*side.encoder, &batch, batch_tokens, between)? {
        encoded.vector = encoded.vector.max(&vector);
    }
    encoded.tokens += batch.ids().len();
    encoded.windows += batch.len();
    Ok(())
}
