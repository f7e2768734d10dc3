//! The encoder threads.
//!
//! Each thread takes texts from the lanes, tokenizes them, packs what is waiting into a batch of its own and encodes it
//! with single-threaded kernels: one batch a thread is faster than one batch over all threads. It never waits for a batch
//! to fill: what is there is encoded. Between two steps of a bulk batch it looks at the query lane and serves it first.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, select_biased};
use metrics::{counter, histogram};
use tokio::time::Instant;

use super::batcher::{Batcher, Limits};
use super::lane::{Lane, Queued};
use crate::metrics as names;
use crate::model::{Encoder, Model, Side, TokenBatch, Tokens, prune};
use crate::types::{Fault, LongText, Pruned, Pruning, Reason, Role, SparseVector};

/// A text to encode.
pub struct EncodeJob {
    pub model: Arc<Model>,
    pub role: Role,
    pub text: String,
    pub long_text: LongText,
    pub pruning: Pruning,
    pub next: Box<dyn Continuation>,
}

impl EncodeJob {
    fn side(&self) -> &Side {
        self.model.side(self.role)
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

/// What happens to a text's vector.
pub trait Continuation: Send {
    /// Whether nobody waits for it any more: then the text is dropped before it is encoded.
    fn is_abandoned(&self) -> bool;

    /// Takes the vector, or the reason why there is none. Called on an encoder thread: must not block.
    fn encoded(self: Box<Self>, text: String, outcome: Result<Encoded, Fault>);
}

/// An encoded text.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    pub vector: SparseVector,
    /// Tokens that were encoded, special ones included.
    pub tokens: usize,
    /// Whether the text was cut to the model's max length.
    pub truncated: bool,
    pub pruned: Pruned,
}

/// How the threads work.
#[derive(Debug, Clone, Copy)]
pub struct EncoderPoolConfig {
    pub threads: usize,
    /// The most tokens of one batch; a longer text is a batch of its own.
    pub batch_tokens: usize,
    /// The most texts that wait in each lane.
    pub lane_texts: usize,
}

/// The lanes to the encoder threads. Dropped, the threads finish what waits and end.
#[derive(Debug)]
pub struct EncoderPool {
    pub query: Lane<EncodeJob>,
    pub bulk: Lane<EncodeJob>,
}

impl EncoderPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(config: EncoderPoolConfig) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let (query, query_receiver) = Lane::new("query", config.lane_texts);
        let (bulk, bulk_receiver) = Lane::new("bulk", config.lane_texts);
        let threads = (0..config.threads).map(|index| {
            let worker = Worker {
                query: query_receiver.clone(),
                bulk: bulk_receiver.clone(),
                batch_tokens: config.batch_tokens,
            };
            std::thread::Builder::new().name(format!("encoder-{index}")).spawn(move || worker.run())
        });
        let threads = threads.collect::<std::io::Result<_>>()?;
        Ok((Self { query, bulk }, threads))
    }
}

/// One encoder thread.
struct Worker {
    query: Receiver<Queued<EncodeJob>>,
    bulk: Receiver<Queued<EncodeJob>>,
    batch_tokens: usize,
}

/// A text that is ready to be encoded.
struct Tokenized {
    job: EncodeJob,
    tokens: Tokens,
}

impl Worker {
    fn run(self) {
        // Libraries that would share work among all cores find a pool of one thread, this one.
        if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build() {
            tracing::warn!(%error, "an encoder thread shares the common thread pool");
        }
        loop {
            let served = select_biased! {
                recv(self.query) -> job => job.map(|job| self.serve(&self.query, job, &mut || {})),
                recv(self.bulk) -> job => job.map(|job| self.serve(&self.bulk, job, &mut || self.serve_queries())),
            };
            if served.is_err() {
                break;
            }
        }
        // Both lanes close together; one of them may still hold work.
        while let Ok(job) = self.query.recv() {
            self.serve(&self.query, job, &mut || {});
        }
        while let Ok(job) = self.bulk.recv() {
            self.serve(&self.bulk, job, &mut || {});
        }
    }

    fn serve_queries(&self) {
        if let Ok(job) = self.query.try_recv() {
            self.serve(&self.query, job, &mut || {});
        }
    }

    /// Encodes `first` and whatever waits behind it, batch by batch, until the lane is empty.
    fn serve(&self, lane: &Receiver<Queued<EncodeJob>>, first: Queued<EncodeJob>, between: &mut dyn FnMut()) {
        let limits = Limits { items: usize::MAX, weight: self.batch_tokens, age: Duration::ZERO };
        let mut batcher = Batcher::new(limits);
        let mut next = Some(first);
        while let Some(queued) = next.take().or_else(|| lane.try_recv().ok()) {
            // Long texts take a while to tokenize, and many of them may be refused for their length.
            between();
            if let Some(text) = tokenize(queued.take()) {
                let tokens = text.tokens.ids.len();
                if let Some(batch) = batcher.push(text, tokens, Instant::now()) {
                    encode(batch, between);
                }
            }
        }
        if let Some(batch) = batcher.flush() {
            encode(batch, between);
        }
    }
}

/// Makes a text ready, or answers for it.
fn tokenize(job: EncodeJob) -> Option<Tokenized> {
    if job.next.is_abandoned() {
        return None;
    }
    let fault = match caught(|| job.side().tokenizer.tokenize(&job.text)) {
        Ok(Ok(tokens)) if tokens.truncated && job.long_text == LongText::Reject => {
            let max_length = job.model.settings.max_length;
            let message = format!(
                "the text has more tokens than the {max_length} that the model takes; split it, or ask for \
                 LONG_TEXT_TRUNCATE"
            );
            Fault::new(Reason::TextTooLong, "text", message)
        }
        Ok(Ok(tokens)) => return Some(Tokenized { job, tokens }),
        Ok(Err(error)) => {
            let message = format!("the model's tokenizer can't read the text: {error}; change the text");
            Fault::new(Reason::InvalidArgument, "text", message)
        }
        Err(problem) => {
            counter!(names::ENCODER_FAILURES).increment(1);
            tracing::error!(problem, "a tokenizer failed");
            Fault::new(Reason::Internal, "text", "the tokenizer failed on this text; report it as a defect")
        }
    };
    job.next.encoded(job.text, Err(fault));
    None
}

/// Encodes a batch, the texts of each encoder together.
fn encode(mut batch: Vec<Tokenized>, between: &mut dyn FnMut()) {
    batch.retain(|text| !text.job.next.is_abandoned());
    while let Some(encoder) = batch.first().map(|text| Arc::clone(&text.job.side().encoder)) {
        let (group, rest) = batch.into_iter().partition(|text| Arc::ptr_eq(&text.job.side().encoder, &encoder));
        encode_group(&*encoder, group, between);
        batch = rest;
    }
}

fn encode_group(encoder: &dyn Encoder, group: Vec<Tokenized>, between: &mut dyn FnMut()) {
    match attempt(encoder, &group, between) {
        Ok(vectors) => group.into_iter().zip(vectors).for_each(|(text, vector)| finish(text, vector)),
        Err(problem) => {
            counter!(names::ENCODER_FAILURES).increment(1);
            tracing::error!(problem, texts = group.len(), "an encoder failed");
            // Its neighbours must not pay for the text that the encoder fails on.
            if group.len() > 1 {
                return group.into_iter().for_each(|text| encode_group(encoder, vec![text], between));
            }
            let fault = Fault::new(Reason::Internal, "text", "the encoder failed on this text; report it as a defect");
            group.into_iter().for_each(|text| text.job.next.encoded(text.job.text, Err(fault.clone())));
        }
    }
}

/// One vector a text, or what went wrong.
fn attempt(encoder: &dyn Encoder, group: &[Tokenized], between: &mut dyn FnMut()) -> Result<Vec<SparseVector>, String> {
    let batch: TokenBatch = group.iter().map(|text| text.tokens.ids.as_slice()).collect();
    histogram!(names::BATCH_TEXTS).record(batch.len() as f64);
    histogram!(names::BATCH_TOKENS).record(batch.ids().len() as f64);
    counter!(names::TOKENS).increment(batch.ids().len() as u64);
    let start = Instant::now();
    let outcome = caught(|| encoder.encode(&batch, between));
    histogram!(names::ENCODE_SECONDS).record(start.elapsed().as_secs_f64());
    match outcome {
        Ok(Ok(vectors)) if vectors.len() == group.len() => Ok(vectors),
        Ok(Ok(vectors)) => Err(format!("{} vectors for {} texts", vectors.len(), group.len())),
        Ok(Err(error)) => Err(error.to_string()),
        Err(problem) => Err(problem),
    }
}

/// What `work` gives, or the message of its panic, which must not end the thread.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
    })
}

fn finish(text: Tokenized, mut vector: SparseVector) {
    let pruned = prune(&mut vector, text.job.pruning);
    let truncated = text.tokens.truncated;
    if truncated {
        counter!(names::TRUNCATED).increment(1);
    }
    let encoded = Encoded { vector, tokens: text.tokens.ids.len(), truncated, pruned };
    text.job.next.encoded(text.job.text, Ok(encoded));
}

#[cfg(test)]
mod tests;
