//! Main loop of an encoder thread.

use std::time::Duration;

use crossbeam_channel::{Receiver, select_biased};
use tokio::time::Instant;

use super::batch::{self, BatchItem};
use super::config::EncoderPoolConfig;
use super::fairness::Fairness;
use super::job::EncodeJob;
use super::tokenize::{TokenSequences, TokenizedJob, tokenize};
use super::windows;
use crate::model::YieldPoint;
use crate::pipeline::batcher::{BatchLimits, WeightedBatcher};
use crate::pipeline::lane::QueuedItem;

/// Encoder thread that serves both lanes.
pub struct Worker {
    query: Receiver<QueuedItem<EncodeJob>>,
    bulk: Receiver<QueuedItem<EncodeJob>>,
    max_batch_tokens: usize,
    /// Number of threads that serve these lanes.
    threads: usize,
    fairness: Fairness,
}

/// Kind of the current work, which determines when the thread checks the query lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WorkKind {
    /// Texts of streams: queries are served at each yield point.
    Bulk,
    /// Texts of unary calls: served in order, but queries are also served between the windows of a long text.
    Query,
    /// Texts of unary calls that are served between the windows of another query. No further nesting.
    NestedQuery,
}

impl Worker {
    pub fn new(
        query: Receiver<QueuedItem<EncodeJob>>,
        bulk: Receiver<QueuedItem<EncodeJob>>,
        config: EncoderPoolConfig,
    ) -> Self {
        let EncoderPoolConfig { threads, max_batch_tokens, .. } = config;
        Self { query, bulk, max_batch_tokens, threads, fairness: Fairness::default() }
    }

    /// Serves both lanes until they are closed and empty.
    pub fn run(self) {
        // Makes this thread a rayon pool of one thread, so that libraries that use rayon don't spread work over all
        // cores.
        if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build() {
            tracing::warn!(%error, "failed to create a thread pool for an encoder thread; it uses the global pool");
        }
        loop {
            if !self.fairness.should_serve_queries_first()
                && let Ok(job) = self.bulk.try_recv()
            {
                self.serve(WorkKind::Bulk, job);
            }
            let served = select_biased! {
                recv(self.query) -> job => job.map(|job| match self.bulk.is_empty() {
                    true => self.serve(WorkKind::Query, job),
                    false => self.serve_and_charge(job),
                }),
                recv(self.bulk) -> job => job.map(|job| self.serve(WorkKind::Bulk, job)),
            };
            if served.is_err() {
                break;
            }
        }
        // Both lanes close together, but one of them may still hold texts.
        while let Ok(job) = self.query.recv() {
            self.serve(WorkKind::Query, job);
        }
        while let Ok(job) = self.bulk.recv() {
            self.serve(WorkKind::Bulk, job);
        }
    }

    /// Serves a waiting query between two batches of windows.
    fn serve_queries(&self, work: WorkKind) {
        if let Ok(job) = self.query.try_recv() {
            self.serve(work, job);
        }
    }

    /// Serves queries while bulk work waits, and charges their time.
    fn serve_and_charge(&self, first: QueuedItem<EncodeJob>) {
        let start = Instant::now();
        self.serve(WorkKind::Query, first);
        self.fairness.charge_queries(start.elapsed());
    }

    /// Encodes `first` and the texts that wait behind it: in the bulk lane until it is empty, in the query lane up to
    /// this thread's share.
    fn serve(&self, work: WorkKind, first: QueuedItem<EncodeJob>) {
        let lane = if work == WorkKind::Bulk { &self.bulk } else { &self.query };
        // Time of the last check of the query lane.
        let mut last_check = Instant::now();
        let mut serve_queries_first = || {
            if work != WorkKind::Bulk {
                return;
            }
            self.fairness.credit_bulk(last_check.elapsed());
            if self.fairness.should_serve_queries_first()
                && let Ok(job) = self.query.try_recv()
            {
                self.serve_and_charge(job);
            }
            last_check = Instant::now();
        };
        let mut yield_point = YieldPoint::new(&mut serve_queries_first);
        let limits = BatchLimits { max_items: usize::MAX, max_weight: self.max_batch_tokens, max_age: Duration::ZERO };
        let mut batcher = WeightedBatcher::new(limits);
        let mut next = Some(first);
        // Each thread takes only its share of the waiting texts, so that the last texts of a large request are spread
        // over all threads.
        let mut remaining_share = (lane.len() + 1).div_ceil(self.threads);
        while let Some(queued) = next.take().or_else(|| lane.try_recv().ok()) {
            // Tokenizing long texts takes a while, and a run of texts that are rejected as too long never reaches an
            // encoder's yield points.
            yield_point.yield_now();
            match tokenize(queued.dequeue()) {
                Some(TokenizedJob { job, sequences: TokenSequences::Single(tokens), tokenize_time }) => {
                    let weight = tokens.ids.len();
                    let closed_batch = batcher.push(BatchItem { job, tokens, tokenize_time }, weight, Instant::now());
                    remaining_share = remaining_share.saturating_sub(1);
                    if let Some(batch) =
                        closed_batch.or_else(|| if remaining_share == 0 { batcher.flush() } else { None })
                    {
                        batch::encode_batch(batch, self.max_batch_tokens, &mut yield_point);
                        if work != WorkKind::Bulk {
                            break;
                        }
                        remaining_share = lane.len().div_ceil(self.threads);
                    }
                }
                Some(TokenizedJob { job, sequences: TokenSequences::Windows(windows), tokenize_time }) => {
                    // Encode the texts before it first: they must not wait for all windows.
                    if let Some(batch) = batcher.flush() {
                        batch::encode_batch(batch, self.max_batch_tokens, &mut yield_point);
                    }
                    let mut serve_queries_between_windows = || match work {
                        WorkKind::Bulk => yield_point.yield_now(),
                        WorkKind::Query => self.serve_queries(WorkKind::NestedQuery),
                        WorkKind::NestedQuery => {}
                    };
                    let mut window_yield_point = YieldPoint::new(&mut serve_queries_between_windows);
                    windows::encode_windows(
                        job,
                        &windows,
                        tokenize_time,
                        self.max_batch_tokens,
                        &mut window_yield_point,
                    );
                }
                None => {}
            }
        }
        if let Some(batch) = batcher.flush() {
            batch::encode_batch(batch, self.max_batch_tokens, &mut yield_point);
        }
    }
}

#[cfg(test)]
mod tests;
