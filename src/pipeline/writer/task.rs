//! Main loop of a collection's writer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::Instrument;

use super::adaptive_concurrency::AdaptiveConcurrency;
use super::config::WriterConfig;
use super::job::{BatchKey, StreamDeleteJob, UnaryDeleteJob, UpsertJob, WriterJob};
use super::registry::WriterRegistry;
use super::write_target::{WriteOutcome, WriteTarget};
use crate::metrics as names;
use crate::pipeline::batcher::{BatchLimits, WeightedBatcher};
use crate::types::compute_deadline;

/// Time after which an idle writer ends. It forgets its concurrency limit then.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);
/// Idle timeout of a writer that has never written: it has learned nothing, and its collection may not exist.
const UNUSED_IDLE_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum number of points per delete request.
const MAX_DELETE_POINTS: usize = 200;

/// Task that collects a collection's points into batches and limits the writes in flight.
pub(super) struct WriterTask {
    target: Arc<WriteTarget>,
    config: WriterConfig,
    /// Batches of upserts by key. Contains no empty batches.
    batchers: BTreeMap<Arc<BatchKey>, WeightedBatcher<UpsertJob>>,
    /// Batch of deletes of streams.
    deletes: WeightedBatcher<StreamDeleteJob>,
    in_flight: JoinSet<WriteOutcome>,
    concurrency: AdaptiveConcurrency,
    limit_gauge: LimitGauge,
    /// Set once the store has accepted an upsert.
    has_written: bool,
    /// Notified by a change that waits for one in a batch, and when the last handle is dropped.
    flush_now: Arc<Notify>,
    registry: WriterRegistry,
}

impl WriterTask {
    pub(super) fn new(
        target: WriteTarget,
        config: WriterConfig,
        flush_now: Arc<Notify>,
        registry: WriterRegistry,
    ) -> Self {
        Self {
            target: Arc::new(target),
            config,
            batchers: BTreeMap::new(),
            deletes: WeightedBatcher::new(BatchLimits {
                max_items: MAX_DELETE_POINTS,
                max_weight: usize::MAX,
                max_age: config.max_batch_age,
            }),
            in_flight: JoinSet::new(),
            concurrency: AdaptiveConcurrency::new(config.max_in_flight),
            limit_gauge: LimitGauge::default(),
            has_written: false,
            flush_now,
            registry,
        }
    }

    /// Runs until all senders are dropped, or until the writer has been idle for its timeout. All jobs are answered by
    /// then.
    pub(super) async fn run(
        mut self,
        mut jobs: mpsc::Receiver<WriterJob>,
        mut deletes: mpsc::Receiver<UnaryDeleteJob>,
    ) {
        loop {
            // Idle writers do not count in the gauge of the limit.
            let is_idle = self.in_flight.is_empty() && self.batchers.is_empty() && self.deletes.deadline().is_none();
            self.limit_gauge.set(if is_idle { 0 } else { self.concurrency.limit() });
            let next_deadline =
                self.batchers.values().filter_map(WeightedBatcher::deadline).chain(self.deletes.deadline()).min();
            // Timers and outcomes first, so that new work does not delay old work.
            tokio::select! {
                biased;
                () = sleep_until(next_deadline.unwrap_or_else(Instant::now)), if next_deadline.is_some() => {
                    self.flush_due().await;
                }
                Some(outcome) = self.in_flight.join_next() => self.record_outcome(outcome.unwrap_or_default()),
                () = self.flush_now.notified() => {
                    // The flush includes the jobs that were sent before it was requested.
                    while let Ok(job) = jobs.try_recv() {
                        self.add_job(job).await;
                    }
                    self.flush_all().await;
                }
                Some(job) = deletes.recv() => self.delete_unary(job).await,
                job = jobs.recv() => match job {
                    Some(job) => self.add_job(job).await,
                    None => break,
                },
                () = sleep(if self.has_written { IDLE_TIMEOUT } else { UNUSED_IDLE_TIMEOUT }), if self.in_flight.is_empty() => {
                    if self.registry.remove_if_idle(&self.target.collection) {
                        break;
                    }
                }
            }
        }
        while let Ok(job) = deletes.try_recv() {
            self.delete_unary(job).await;
        }
        self.flush_all().await;
        while self.in_flight.join_next().await.is_some() {
            gauge!(names::UPSERTS_IN_FLIGHT).decrement(1.0);
        }
    }

    async fn add_job(&mut self, job: WriterJob) {
        match job {
            WriterJob::Upsert(job) => self.add_point(job).await,
            WriterJob::Delete(job) => self.add_delete(job).await,
        }
    }

    async fn add_delete(&mut self, job: StreamDeleteJob) {
        if job.receipt.has_waiters() {
            self.flush_now.notify_one();
        }
        if let Some(batch) = self.deletes.push(job, 1, Instant::now()) {
            self.delete_batch(batch).await;
        }
    }

    async fn add_point(&mut self, job: UpsertJob) {
        let (key, bytes, has_waiters) = (Arc::clone(&job.batch_key), job.receipt.bytes, job.receipt.has_waiters());
        let WriterConfig { max_batch_bytes, max_batch_age, .. } = self.config;
        let limits = BatchLimits { max_items: key.max_points, max_weight: max_batch_bytes, max_age: max_batch_age };
        let batcher = self.batchers.entry(Arc::clone(&key)).or_insert_with(|| WeightedBatcher::new(limits));
        let closed_batch = batcher.push(job, bytes, Instant::now());
        if batcher.deadline().is_none() {
            self.batchers.remove(&key);
        }
        if has_waiters {
            self.flush_now.notify_one();
        }
        if let Some(batch) = closed_batch {
            self.upsert(batch).await;
        }
    }

    async fn flush_due(&mut self) {
        let now = Instant::now();
        let is_due = |batcher: &WeightedBatcher<UpsertJob>| batcher.deadline().is_none_or(|deadline| deadline <= now);
        let keys: Vec<_> =
            self.batchers.iter().filter(|(_, batcher)| is_due(batcher)).map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.flush_batch(&key).await;
        }
        if self.deletes.deadline().is_some_and(|deadline| deadline <= now) {
            self.flush_deletes().await;
        }
    }

    async fn flush_deletes(&mut self) {
        if let Some(batch) = self.deletes.flush() {
            self.delete_batch(batch).await;
        }
    }

    async fn flush_all(&mut self) {
        self.flush_deletes().await;
        while let Some(key) = self.batchers.keys().next().cloned() {
            self.flush_batch(&key).await;
        }
    }

    async fn flush_batch(&mut self, key: &BatchKey) {
        if let Some(batch) = self.batchers.remove(key).and_then(|mut batcher| batcher.flush()) {
            self.upsert(batch).await;
        }
    }

    async fn upsert(&mut self, batch: Vec<UpsertJob>) {
        // The deadline counts from the arrival of the oldest point, so that during an outage all batches time out
        // together instead of one after another.
        let deadline =
            self.compute_retry_deadline(batch.first().map_or_else(Instant::now, |oldest| oldest.receipt.queued_at));
        let (target, span) = (Arc::clone(&self.target), self.target.create_upsert_span(&batch));
        self.start_write(async move { target.upsert(batch, deadline).await }.instrument(span)).await;
    }

    async fn delete_batch(&mut self, batch: Vec<StreamDeleteJob>) {
        let deadline =
            self.compute_retry_deadline(batch.first().map_or_else(Instant::now, |oldest| oldest.receipt.queued_at));
        let (target, span) = (Arc::clone(&self.target), self.target.create_delete_span(&batch));
        self.start_write(async move { target.delete_batch(batch, deadline).await }.instrument(span)).await;
    }

    async fn delete_unary(&mut self, job: UnaryDeleteJob) {
        let (target, deadline, span) =
            (Arc::clone(&self.target), self.compute_retry_deadline(job.received_at), job.span.clone());
        self.start_write(async move { target.delete_unary(job, deadline).await }.instrument(span)).await;
    }

    fn compute_retry_deadline(&self, since: Instant) -> Instant {
        compute_deadline(since, self.config.retry_timeout)
    }

    /// Starts a write. Waits until the number of writes in flight is below the limit.
    async fn start_write(&mut self, write: impl Future<Output = WriteOutcome> + Send + 'static) {
        while self.in_flight.len() >= self.concurrency.limit() {
            let Some(outcome) = self.in_flight.join_next().await else { break };
            self.record_outcome(outcome.unwrap_or_default());
        }
        gauge!(names::UPSERTS_IN_FLIGHT).increment(1.0);
        self.in_flight.spawn(write);
    }

    fn record_outcome(&mut self, outcome: WriteOutcome) {
        gauge!(names::UPSERTS_IN_FLIGHT).decrement(1.0);
        match outcome {
            WriteOutcome::Refused => self.concurrency.record_refusal(),
            WriteOutcome::Accepted { points, latency } => {
                self.has_written = true;
                self.concurrency.record_success(points, latency);
            }
            WriteOutcome::NoSample => {}
        }
    }
}

/// A writer's contribution to the gauge of the concurrency limit. Removed on drop.
#[derive(Debug, Default)]
struct LimitGauge(usize);

impl LimitGauge {
    fn set(&mut self, limit: usize) {
        gauge!(names::UPSERTS_LIMIT).increment(limit as f64 - self.0 as f64);
        self.0 = limit;
    }
}

impl Drop for LimitGauge {
    fn drop(&mut self) {
        self.set(0);
    }
}
