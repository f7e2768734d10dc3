//! The encoder threads.
//!
//! Each thread takes texts from the lanes, tokenizes them, packs what is waiting into a batch of its own and encodes it
//! with single-threaded kernels: one batch a thread is faster than one batch over all threads. It never waits for a batch
//! to fill: what is there is encoded. Between two steps of a bulk batch it looks at the query lane and serves it first,
//! unless queries have taken more than their part.

mod batch;
mod fair;
mod job;
mod tokenize;
mod windows;

use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, select_biased};
use tokio::time::Instant;

use super::batcher::{Batcher, Limits};
use super::lane::{Lane, Queued};
use super::{BULK_LANE, QUERY_LANE};
use crate::model::YieldPoint;
use crate::panics::catch;
use batch::Text;
use fair::Fairness;
pub use job::{Continuation, EncodeJob, Encoded, Took};
use tokenize::{Sequences, Tokenized, tokenize};

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
    pub threads: usize,
}

impl EncoderPool {
    /// Starts the threads.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub fn start(config: EncoderPoolConfig) -> std::io::Result<(Self, Vec<JoinHandle<()>>)> {
        let (query, query_receiver) = Lane::new(QUERY_LANE, config.lane_texts);
        let (bulk, bulk_receiver) = Lane::new(BULK_LANE, config.lane_texts);
        let threads = (0..config.threads).map(|index| {
            let worker = Worker {
                query: query_receiver.clone(),
                bulk: bulk_receiver.clone(),
                batch_tokens: config.batch_tokens,
                threads: config.threads,
                fairness: Fairness::default(),
            };
            std::thread::Builder::new().name(format!("encoder-{index}")).spawn(move || worker.run())
        });
        let threads = threads.collect::<std::io::Result<_>>()?;
        Ok((Self { query, bulk, threads: config.threads }, threads))
    }
}

/// One encoder thread.
struct Worker {
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
    fn run(self) {
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

/// What `work` gives, or the message of its panic, which must not end the thread.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    catch(work).map_err(|panic| panic.message().unwrap_or("a panic").to_owned())
}

#[cfg(test)]
mod tests;
