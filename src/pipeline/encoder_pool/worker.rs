//! One encoder thread.

use std::time::Duration;

use crossbeam_channel::{Receiver, select_biased};
use tokio::time::Instant;

use super::batch::{self, Text};
use super::config::EncoderPoolConfig;
use super::fair::Fairness;
use super::job::EncodeJob;
use super::tokenize::{Sequences, Tokenized, tokenize};
use super::windows;
use crate::model::YieldPoint;
use crate::pipeline::batcher::{Batcher, Limits};
use crate::pipeline::lane::Queued;

/// One encoder thread.
pub struct Worker {
    query: Receiver<Queued<EncodeJob>>,
    bulk: Receiver<Queued<EncodeJob>>,
    batch_tokens: usize,
    /// How many threads serve these lanes.
    threads: usize,
    fairness: Fairness,
}

/// What a thread is at, which decides when it looks at the query lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Texts of streams: between any two steps.
    Bulk,
    /// Texts that somebody waits for: they are served in their order, but one of many windows must not hold up the others.
    Query,
    /// Texts that somebody waits for, amid the windows of one that came before them.
    Amid,
}

impl Worker {
    pub fn new(
        query: Receiver<Queued<EncodeJob>>,
        bulk: Receiver<Queued<EncodeJob>>,
        config: EncoderPoolConfig,
    ) -> Self {
        let EncoderPoolConfig { threads, batch_tokens, .. } = config;
        Self { query, bulk, batch_tokens, threads, fairness: Fairness::default() }
    }

    /// Serves both lanes until they are closed and empty.
    pub fn run(self) {
        // Libraries that would share work among all cores find a pool of one thread, this one.
        if let Err(error) = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build() {
            tracing::warn!(%error, "an encoder thread shares the common thread pool");
        }
        loop {
            if !self.fairness.queries_first()
                && let Ok(job) = self.bulk.try_recv()
            {
                self.serve(Work::Bulk, job);
            }
            let served = select_biased! {
                recv(self.query) -> job => job.map(|job| match self.bulk.is_empty() {
                    true => self.serve(Work::Query, job),
                    false => self.serve_on_credit(job),
                }),
                recv(self.bulk) -> job => job.map(|job| self.serve(Work::Bulk, job)),
            };
            if served.is_err() {
                break;
            }
        }
        // Both lanes close together; one of them may still hold work.
        while let Ok(job) = self.query.recv() {
            self.serve(Work::Query, job);
        }
        while let Ok(job) = self.bulk.recv() {
            self.serve(Work::Bulk, job);
        }
    }

    /// Serves queries between two steps of other work.
    fn serve_queries(&self, work: Work) {
        if let Ok(job) = self.query.try_recv() {
            self.serve(work, job);
        }
    }

    /// Serves queries while work of streams waits.
    fn serve_on_credit(&self, first: Queued<EncodeJob>) {
        let start = Instant::now();
        self.serve(Work::Query, first);
        self.fairness.queries_took(start.elapsed());
    }

    /// Encodes `first` and what waits behind it: of a bulk lane until it is empty, of the query lane this thread's share.
    fn serve(&self, work: Work, first: Queued<EncodeJob>) {
        let lane = if work == Work::Bulk { &self.bulk } else { &self.query };
        // Since the last look at the query lane.
        let mut step = Instant::now();
        let mut serve_queries_first = || {
            if work != Work::Bulk {
                return;
            }
            self.fairness.bulk_took(step.elapsed());
            if self.fairness.queries_first()
                && let Ok(job) = self.query.try_recv()
            {
                self.serve_on_credit(job);
            }
            step = Instant::now();
        };
        let mut yield_point = YieldPoint::new(&mut serve_queries_first);
        let limits = Limits { items: usize::MAX, weight: self.batch_tokens, age: Duration::ZERO };
        let mut batcher = Batcher::new(limits);
        let mut next = Some(first);
        // Of what waits, a thread takes its share: the last texts of a large request are not one thread's alone.
        let mut share = (lane.len() + 1).div_ceil(self.threads);
        while let Some(queued) = next.take().or_else(|| lane.try_recv().ok()) {
            // Long texts take a while to tokenize, and many of them may be refused for their length.
            yield_point.yield_now();
            match tokenize(queued.take()) {
                Some(Tokenized { job, sequences: Sequences::One(tokens), tokenizing }) => {
                    let weight = tokens.ids.len();
                    let closed = batcher.push(Text { job, tokens, tokenizing }, weight, Instant::now());
                    share = share.saturating_sub(1);
                    if let Some(batch) = closed.or_else(|| if share == 0 { batcher.flush() } else { None }) {
                        batch::encode(batch, self.batch_tokens, &mut yield_point);
                        if work != Work::Bulk {
                            break;
                        }
                        share = lane.len().div_ceil(self.threads);
                    }
                }
                Some(Tokenized { job, sequences: Sequences::Windows(windows), tokenizing }) => {
                    // What came before it must not wait for all its windows.
                    if let Some(batch) = batcher.flush() {
                        batch::encode(batch, self.batch_tokens, &mut yield_point);
                    }
                    let mut serve_waiting = || match work {
                        Work::Bulk => yield_point.yield_now(),
                        Work::Query => self.serve_queries(Work::Amid),
                        Work::Amid => {}
                    };
                    let mut between_windows = YieldPoint::new(&mut serve_waiting);
                    windows::encode(job, &windows, tokenizing, self.batch_tokens, &mut between_windows);
                }
                None => {}
            }
        }
        if let Some(batch) = batcher.flush() {
            batch::encode(batch, self.batch_tokens, &mut yield_point);
        }
    }
}

#[cfg(test)]
mod tests;
