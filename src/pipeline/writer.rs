//! The writer of a collection: batches points, upserts them, answers for them.
//!
//! ```text
//!  encoder threads ──▶ Batcher (points, bytes, age) ──▶ upserts in flight (AIMD) ──▶ retry ──▶ store
//!                                                                                │ refused: split in two, until the
//!                                                                                ▼ offending point stands alone
//! ```

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;
use tracing::{Instrument, Span, debug_span};

use super::Finalizer;
use super::aimd::Aimd;
use super::batcher::{Batcher, Limits};
use super::claims::Claim;
use super::collections::stream_fault;
use super::ingest::{DocumentKey, Indexed, Stored};
use crate::metrics as names;
use crate::store::retry::{RetryBudget, retry};
use crate::store::{StoreError, VectorStore};
use crate::trace;
use crate::types::{Fault, Point};

/// How points are written.
#[derive(Debug, Clone, Copy)]
pub struct WriterConfig {
    /// The most bytes of one upsert.
    pub batch_bytes: usize,
    /// The longest time that a point waits for others.
    pub batch_age: Duration,
    /// The most upserts in flight for one collection.
    pub max_in_flight: usize,
    /// How long an upsert is tried again, counted from when its oldest point came.
    pub retry_deadline: Duration,
}

/// Where points go. Streams with the same target share its writer.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Target {
    pub collection: String,
    pub vector_name: String,
    /// The most points of one upsert.
    pub batch_points: usize,
}

/// A point to write, and the duty to answer for it.
#[derive(Debug)]
pub struct WriteJob {
    pub point: Point,
    /// About how many bytes the point has.
    pub bytes: usize,
    /// When it came.
    pub since: Instant,
    /// The call that it is of.
    pub span: Span,
    pub indexed: Indexed,
    pub finalizer: Finalizer<DocumentKey, Stored>,
    /// Keeps the point's id from being written again before this write is answered.
    pub claim: Claim,
}

/// The way to a writer, which lives as long as there is one of these.
#[derive(Debug, Clone)]
pub struct WriterHandle {
    jobs: mpsc::Sender<WriteJob>,
    hurry: Arc<Notify>,
}

impl WriterHandle {
    /// Sends a point. Never waits: there is room for every document that can hold a permit.
    ///
    /// # Errors
    /// Gives the job back if the writer has ended.
    pub fn send(&self, job: WriteJob) -> Result<(), Box<WriteJob>> {
        self.jobs.try_send(job).map_err(|error| Box::new(error.into_inner()))
    }

    /// Makes the writer write what it has now.
    pub fn hurry(&self) {
        self.hurry.notify_one();
    }
}

/// A [`WriterHandle`] that does not keep its writer alive.
#[derive(Debug)]
struct WeakHandle {
    jobs: mpsc::WeakSender<WriteJob>,
    hurry: Arc<Notify>,
}

/// The writers of all collections.
#[derive(Debug)]
pub struct Writers {
    store: Arc<dyn VectorStore>,
    config: WriterConfig,
    /// Room for every document that can hold a permit: sending to a writer never waits.
    capacity: usize,
    open: Mutex<HashMap<Target, WeakHandle>>,
    tasks: TaskTracker,
    retries: Arc<RetryBudget>,
}

impl Writers {
    pub fn new(store: Arc<dyn VectorStore>, config: WriterConfig, capacity: usize) -> Self {
        Self { store, config, capacity, open: Mutex::default(), tasks: TaskTracker::new(), retries: Arc::default() }
    }

    /// The way to a target's writer, which is started if there is none. It ends when the last handle is gone and all that
    /// was sent is answered.
    pub fn open(&self, target: Target) -> WriterHandle {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(weak) = open.get(&target)
            && let Some(jobs) = weak.jobs.upgrade()
        {
            return WriterHandle { jobs, hurry: Arc::clone(&weak.hurry) };
        }
        open.retain(|_, weak| weak.jobs.strong_count() > 0);
        let (sender, jobs) = mpsc::channel(self.capacity);
        let hurry = Arc::new(Notify::new());
        open.insert(target.clone(), WeakHandle { jobs: sender.downgrade(), hurry: Arc::clone(&hurry) });
        let writer = Writer {
            upserter: Arc::new(Upserter { store: Arc::clone(&self.store), target, retries: Arc::clone(&self.retries) }),
            retry_deadline: self.config.retry_deadline,
            in_flight: JoinSet::new(),
            aimd: Aimd::new(self.config.max_in_flight),
            limit: Limit::default(),
            hurry: Arc::clone(&hurry),
        };
        self.tasks.spawn(writer.run(jobs, self.config));
        WriterHandle { jobs: sender, hurry }
    }

    /// Asks the store, and again while it can't answer, as long as an upsert may take.
    pub async fn retrying<'a, T, F: Future<Output = Result<T, StoreError>>>(
        &'a self,
        mut attempt: impl FnMut(&'a dyn VectorStore) -> F,
    ) -> Result<T, StoreError> {
        let deadline = Instant::now() + self.config.retry_deadline;
        retry(deadline, &self.retries, || attempt(&*self.store), |_| {}).await
    }

    /// Waits until every writer has ended.
    pub async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// The task of one writer.
struct Writer {
    upserter: Arc<Upserter>,
    retry_deadline: Duration,
    in_flight: JoinSet<RoundTrip>,
    aimd: Aimd,
    limit: Limit,
    /// Asked for by a document that waits for one of the batch.
    hurry: Arc<Notify>,
}

impl Writer {
    async fn run(mut self, mut jobs: mpsc::Receiver<WriteJob>, config: WriterConfig) {
        let items = self.upserter.target.batch_points;
        let limits = Limits { items, weight: config.batch_bytes, age: config.batch_age };
        let mut batcher = Batcher::new(limits);
        self.limit.set(self.aimd.limit());
        loop {
            let due = batcher.deadline();
            let closed = tokio::select! {
                job = jobs.recv() => match job {
                    Some(job) => {
                        let (bytes, awaited) = (job.bytes, job.claim.is_awaited());
                        let closed = batcher.push(job, bytes, Instant::now());
                        if awaited {
                            self.hurry.notify_one();
                        }
                        closed
                    }
                    None => break,
                },
                () = self.hurry.notified() => batcher.flush(),
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => batcher.flush(),
                Some(done) = self.in_flight.join_next() => {
                    self.adapt(done.unwrap_or_default());
                    None
                }
            };
            if let Some(batch) = closed {
                self.send(batch).await;
            }
        }
        if let Some(batch) = batcher.flush() {
            self.send(batch).await;
        }
        while self.in_flight.join_next().await.is_some() {
            gauge!(names::UPSERTS_IN_FLIGHT).decrement(1.0);
        }
    }

    /// Starts an upsert as soon as one more may be in flight.
    async fn send(&mut self, batch: Vec<WriteJob>) {
        // While the store is away, the clock runs for all that wait, and not for one batch after the other.
        let since = batch.first().map_or_else(Instant::now, |oldest| oldest.since);
        let deadline = since + self.retry_deadline;
        while self.in_flight.len() >= self.aimd.limit() {
            let Some(done) = self.in_flight.join_next().await else { break };
            self.adapt(done.unwrap_or_default());
        }
        gauge!(names::UPSERTS_IN_FLIGHT).increment(1.0);
        let upserter = Arc::clone(&self.upserter);
        let span = upserter.span(&batch);
        self.in_flight.spawn(async move { upserter.write(batch, deadline).await }.instrument(span));
    }

    fn adapt(&mut self, round_trip: RoundTrip) {
        gauge!(names::UPSERTS_IN_FLIGHT).decrement(1.0);
        match round_trip {
            RoundTrip::Refused => self.aimd.refused(),
            RoundTrip::Taken { points, time } => self.aimd.succeeded(points, time),
        }
        self.limit.set(self.aimd.limit());
    }
}

/// A writer's part of the gauge of how many upserts may be in flight; given back when the writer ends.
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

/// Writes batches to one target.
struct Upserter {
    store: Arc<dyn VectorStore>,
    target: Target,
    retries: Arc<RetryBudget>,
}

/// How a batch went.
#[derive(Debug, Clone, Copy, Default)]
enum RoundTrip {
    /// The store could not take it at the first attempt.
    #[default]
    Refused,
    Taken {
        points: usize,
        time: Duration,
    },
}

impl Upserter {
    /// The span of a batch.
    fn span(&self, batch: &[WriteJob]) -> Span {
        let first = batch.first().and_then(|job| job.span.id());
        let collection = &self.target.collection;
        let span = debug_span!(parent: first, "upsert", otel.kind = "client", collection, points = batch.len());
        trace::batch(span, batch.iter().map(|job| &job.span))
    }

    /// Writes a batch and answers for each of its points.
    async fn write(&self, batch: Vec<WriteJob>, deadline: Instant) -> RoundTrip {
        let mut smooth = true;
        // Of the largest upsert that the store took; a batch that is refused comes in parts.
        let (mut most, mut took) = (0, Duration::ZERO);
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            let (points, answers): (Vec<Point>, Vec<Answer>) = part.drain(..).map(Answer::of).unzip();
            let start = Instant::now();
            match self.upsert(&points, deadline, &mut smooth).await {
                Ok(()) => {
                    if points.len() > most {
                        (most, took) = (points.len(), start.elapsed());
                    }
                    answers.into_iter().for_each(Answer::indexed);
                }
                Err(StoreError::Refused(_)) if points.len() > 1 => {
                    let mut jobs: Vec<WriteJob> = answers.into_iter().zip(points).map(Answer::with).collect();
                    let second = jobs.split_off(jobs.len() / 2);
                    parts.extend([second, jobs]);
                }
                Err(error) => {
                    tracing::warn!(collection = self.target.collection, points = points.len(), %error, "an upsert failed");
                    let fault = stream_fault(error);
                    answers.into_iter().for_each(|answer| answer.rejected(fault.clone()));
                }
            }
        }
        if smooth { RoundTrip::Taken { points: most, time: took } } else { RoundTrip::Refused }
    }

    async fn upsert(&self, points: &[Point], deadline: Instant, smooth: &mut bool) -> Result<(), StoreError> {
        histogram!(names::UPSERT_POINTS).record(points.len() as f64);
        let mut retries = 0;
        let on_retry = |error: &StoreError| {
            retries += 1;
            counter!(names::UPSERT_RETRIES, "reason" => error.kind()).increment(1);
            tracing::warn!(collection = self.target.collection, %error, retries, "an upsert is tried again");
        };
        let outcome = retry(deadline, &self.retries, || self.attempt(points), on_retry).await;
        *smooth &= retries == 0 && !outcome.as_ref().is_err_and(StoreError::is_retryable);
        outcome
    }

    async fn attempt(&self, points: &[Point]) -> Result<(), StoreError> {
        let start = Instant::now();
        let Target { collection, vector_name, .. } = &self.target;
        let outcome = self.store.upsert(collection, vector_name, points).await;
        let label = match &outcome {
            Ok(()) => "ok",
            Err(error) if error.is_retryable() => "retry",
            Err(_) => "error",
        };
        histogram!(names::UPSERT_SECONDS, "outcome" => label).record(start.elapsed().as_secs_f64());
        outcome
    }
}

/// What is owed for one point of an upsert.
struct Answer {
    bytes: usize,
    since: Instant,
    span: Span,
    indexed: Indexed,
    finalizer: Finalizer<DocumentKey, Stored>,
    claim: Claim,
}

impl Answer {
    fn of(job: WriteJob) -> (Point, Self) {
        let WriteJob { point, bytes, since, span, indexed, finalizer, claim } = job;
        (point, Self { bytes, since, span, indexed, finalizer, claim })
    }

    fn with((answer, point): (Self, Point)) -> WriteJob {
        let Self { bytes, since, span, indexed, finalizer, claim } = answer;
        WriteJob { point, bytes, since, span, indexed, finalizer, claim }
    }

    fn indexed(self) {
        counter!(names::INDEXED).increment(1);
        self.finalizer.finish(Ok(Stored::Indexed(self.indexed)));
    }

    fn rejected(self, fault: Fault) {
        self.finalizer.finish(Err(fault));
    }
}

#[cfg(test)]
mod tests;
