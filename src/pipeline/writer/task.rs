//! The task of one writer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::Instrument;

use super::aimd::Aimd;
use super::config::WriterConfig;
use super::job::{BatchKey, DeleteJob, Job, RemoveJob, WriteJob};
use super::registry::Registry;
use super::target::{RoundTrip, Target};
use crate::metrics as names;
use crate::pipeline::batcher::{Batcher, Limits};
use crate::types::deadline_after;

/// How long a writer without work remembers how fast the store is.
const IDLE: Duration = Duration::from_secs(600);
/// How long one without work lives on that knows nothing of the store: the collection may not even exist.
const IDLE_UNUSED: Duration = Duration::from_secs(1);

/// Maximum number of points that are deleted at once.
const REMOVALS: usize = 200;

/// Collects a collection's points into batches, and keeps a bounded number of writes in flight.
pub(super) struct Writer {
    target: Arc<Target>,
    config: WriterConfig,
    /// Never empty ones.
    batchers: BTreeMap<Arc<BatchKey>, Batcher<WriteJob>>,
    /// Points that streams delete.
    removals: Batcher<RemoveJob>,
    in_flight: JoinSet<RoundTrip>,
    aimd: Aimd,
    limit: Limit,
    /// Whether the store has taken an upsert.
    used: bool,
    /// Asked for by a change that waits for one of the batch, and when nobody can add to the batches any more.
    flush_now: Arc<Notify>,
    registry: Registry,
}

impl Writer {
    pub(super) fn new(target: Target, config: WriterConfig, flush_now: Arc<Notify>, registry: Registry) -> Self {
        Self {
            target: Arc::new(target),
            config,
            batchers: BTreeMap::new(),
            removals: Batcher::new(Limits { items: REMOVALS, weight: usize::MAX, age: config.batch_age }),
            in_flight: JoinSet::new(),
            aimd: Aimd::new(config.max_in_flight),
            limit: Limit::default(),
            used: false,
            flush_now,
            registry,
        }
    }

    /// Runs until all senders are gone, or until it has had nothing to do for long; what was sent has been answered then.
    pub(super) async fn run(mut self, mut jobs: mpsc::Receiver<Job>, mut deletes: mpsc::Receiver<DeleteJob>) {
        loop {
            // A writer without work counts for nothing.
            let idle = self.in_flight.is_empty() && self.batchers.is_empty() && self.removals.deadline().is_none();
            self.limit.set(if idle { 0 } else { self.aimd.limit() });
            let due = self.batchers.values().filter_map(Batcher::deadline).chain(self.removals.deadline()).min();
            // Timers and answers first: new work must not keep old work waiting.
            tokio::select! {
                biased;
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.flush_due().await,
                Some(done) = self.in_flight.join_next() => self.adapt(done.unwrap_or_default()),
                () = self.flush_now.notified() => {
                    // What was sent before it was asked for is meant too.
                    while let Ok(job) = jobs.try_recv() {
                        self.add(job).await;
                    }
                    self.flush_all().await;
                }
                Some(job) = deletes.recv() => self.delete(job).await,
                job = jobs.recv() => match job {
                    Some(job) => self.add(job).await,
                    None => break,
                },
                () = sleep(if self.used { IDLE } else { IDLE_UNUSED }), if self.in_flight.is_empty() => {
                    if self.registry.retire(&self.target.collection) {
                        break;
                    }
                }
            }
        }
        while let Ok(job) = deletes.try_recv() {
            self.delete(job).await;
        }
        self.flush_all().await;
        while self.in_flight.join_next().await.is_some() {
            gauge!(names::UPSERTS_IN_FLIGHT).decrement(1.0);
        }
    }

    async fn add(&mut self, job: Job) {
        match job {
            Job::Write(job) => self.add_point(job).await,
            Job::Remove(job) => self.add_removal(job).await,
        }
    }

    async fn add_removal(&mut self, job: RemoveJob) {
        if job.receipt.is_awaited() {
            self.flush_now.notify_one();
        }
        if let Some(batch) = self.removals.push(job, 1, Instant::now()) {
            self.remove(batch).await;
        }
    }

    async fn add_point(&mut self, job: WriteJob) {
        let (key, bytes, awaited) = (Arc::clone(&job.batch), job.receipt.bytes, job.receipt.is_awaited());
        let WriterConfig { batch_bytes, batch_age, .. } = self.config;
        let limits = Limits { items: key.max_points, weight: batch_bytes, age: batch_age };
        let batcher = self.batchers.entry(Arc::clone(&key)).or_insert_with(|| Batcher::new(limits));
        let closed = batcher.push(job, bytes, Instant::now());
        if batcher.deadline().is_none() {
            self.batchers.remove(&key);
        }
        if awaited {
            self.flush_now.notify_one();
        }
        if let Some(batch) = closed {
            self.upsert(batch).await;
        }
    }

    async fn flush_due(&mut self) {
        let now = Instant::now();
        let due = |batcher: &Batcher<WriteJob>| batcher.deadline().is_none_or(|deadline| deadline <= now);
        let keys: Vec<_> =
            self.batchers.iter().filter(|(_, batcher)| due(batcher)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.flush(&key).await;
        }
        if self.removals.deadline().is_some_and(|deadline| deadline <= now) {
            self.flush_removals().await;
        }
    }

    async fn flush_removals(&mut self) {
        if let Some(batch) = self.removals.flush() {
            self.remove(batch).await;
        }
    }

    async fn flush_all(&mut self) {
        self.flush_removals().await;
        while let Some(key) = self.batchers.keys().next().cloned() {
            self.flush(&key).await;
        }
    }

    async fn flush(&mut self, key: &BatchKey) {
        if let Some(batch) = self.batchers.remove(key).and_then(|mut batcher| batcher.flush()) {
            self.upsert(batch).await;
        }
    }

    async fn upsert(&mut self, batch: Vec<WriteJob>) {
        // While the store is away, the clock runs for all that wait, and not for one batch after the other.
        let deadline = self.deadline(batch.first().map_or_else(Instant::now, |oldest| oldest.receipt.since));
        let (target, span) = (Arc::clone(&self.target), self.target.span(&batch));
        self.start(async move { target.upsert(batch, deadline).await }.instrument(span)).await;
    }

    async fn remove(&mut self, batch: Vec<RemoveJob>) {
        let deadline = self.deadline(batch.first().map_or_else(Instant::now, |oldest| oldest.receipt.since));
        let (target, span) = (Arc::clone(&self.target), self.target.removal_span(&batch));
        self.start(async move { target.remove(batch, deadline).await }.instrument(span)).await;
    }

    async fn delete(&mut self, job: DeleteJob) {
        let (target, deadline, span) = (Arc::clone(&self.target), self.deadline(job.since), job.span.clone());
        self.start(async move { target.delete(job, deadline).await }.instrument(span)).await;
    }

    fn deadline(&self, since: Instant) -> Instant {
        deadline_after(since, self.config.retry_deadline)
    }

    /// Starts a write as soon as one more may be in flight.
    async fn start(&mut self, write: impl Future<Output = RoundTrip> + Send + 'static) {
        while self.in_flight.len() >= self.aimd.limit() {
            let Some(done) = self.in_flight.join_next().await else { break };
            self.adapt(done.unwrap_or_default());
        }
        gauge!(names::UPSERTS_IN_FLIGHT).increment(1.0);
        self.in_flight.spawn(write);
    }

    fn adapt(&mut self, round_trip: RoundTrip) {
        gauge!(names::UPSERTS_IN_FLIGHT).decrement(1.0);
        match round_trip {
            RoundTrip::Refused => self.aimd.refused(),
            RoundTrip::Taken { points, time } => {
                self.used = true;
                self.aimd.succeeded(points, time);
            }
            RoundTrip::NotSent => {}
        }
    }
}

/// A writer's part of the gauge of how many writes may be in flight; given back when the writer ends.
#[derive(Debug, Default)]
struct Limit(usize);

impl Limit {
    fn set(&mut self, limit: usize) {
        gauge!(names::UPSERTS_LIMIT).increment(limit as f64 - self.0 as f64);
        self.0 = limit;
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        self.set(0);
    }
}
