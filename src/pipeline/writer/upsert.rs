//! Upserts of a batch: sent, retried, and split in half where the store fails, until each point has its result.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, histogram};
use tokio::time::Instant;
use tracing::{Span, debug_span};

use super::job::{BatchKey, UpsertJob};
use super::retry::RetrySchedule;
use super::upsert_part::UpsertPart;
use super::write_target::{WriteOutcome, WriteTarget};
use crate::metrics as names;
use crate::pipeline::errors::to_stream_error;
use crate::pipeline::in_flight_ids::Claim;
use crate::pipeline::operation::OperationOutcome;
use crate::pipeline::receipt::wait_receipts_abandoned;
use crate::store::StoreError;
use crate::trace;
use crate::types::{Point, PointId};

/// Number of internal errors of the store after which a batch is split in half, and after which a single point is
/// rejected.
const MAX_FAILURES: u32 = 3;

/// Batch being written.
struct UpsertBatch<'a> {
    target: &'a WriteTarget,
    batch_key: &'a BatchKey,
    retries: RetrySchedule<'a>,
    parts: VecDeque<UpsertPart>,
    outcome: WriteOutcome,
    /// Set once a point of the batch was written, which shows that the store works.
    has_stored_points: bool,
    /// Claims of answered points whose write may still land.
    unsettled_claims: Vec<Claim>,
}

impl WriteTarget {
    /// Creates the span of a batch of upserts.
    pub(super) fn create_upsert_span(&self, batch: &[UpsertJob]) -> Span {
        let first = batch.first().and_then(|job| job.receipt.span.id());
        let collection = &self.collection;
        let span = debug_span!(parent: first, "upsert", otel.kind = "client", collection, points = batch.len());
        trace::link_batch_span(span, batch.iter().map(|job| &job.receipt.span))
    }

    /// Writes a batch of points with the same key and reports the result of each. Only the first attempt of each part may
    /// begin after `deadline`.
    pub(super) async fn upsert(&self, jobs: Vec<UpsertJob>, deadline: Instant) -> WriteOutcome {
        let Some(batch_key) = jobs.first().map(|job| Arc::clone(&job.batch_key)) else { return WriteOutcome::NoSample };
        let mut upsert = UpsertBatch {
            target: self,
            batch_key: &batch_key,
            retries: RetrySchedule::new(deadline, &*self.retry_budget),
            parts: VecDeque::from([UpsertPart::new(jobs)]),
            outcome: WriteOutcome::NoSample,
            has_stored_points: false,
            unsettled_claims: Vec::new(),
        };
        while let Some(part) = upsert.parts.pop_front() {
            upsert.write_part(part).await;
        }
        let UpsertBatch { unsettled_claims, outcome, .. } = upsert;
        self.late_writes.hold(unsettled_claims).await;
        outcome
    }
}

impl UpsertBatch<'_> {
    /// Sends a part once. Then reports the results of its points, or requeues the part.
    async fn write_part(&mut self, mut part: UpsertPart) {
        part.drop_abandoned(&mut self.unsettled_claims);
        if part.points.is_empty() {
            return;
        }
        let start = Instant::now();
        let error = match self.attempt_upsert(&part.points).await {
            Ok(superseded) => return self.finish_written(part, &superseded, start.elapsed()),
            Err(error) => error,
        };
        if error.is_retryable() {
            self.outcome = WriteOutcome::Refused;
        }
        part.has_unknown_outcome |= error.has_unknown_outcome();
        part.failure_count += u32::from(matches!(error, StoreError::Internal(_)));
        match error {
            StoreError::Refused(_) if part.points.len() > 1 => {
                // Without a backoff, and first in the queue, so that the points stay in order.
                let second = part.split_off_half();
                self.parts.push_front(second);
                self.parts.push_front(part);
            }
            StoreError::Internal(message)
                if part.points.len() == 1 && self.has_stored_points && part.failure_count >= MAX_FAILURES =>
            {
                let message = format!("it failed {MAX_FAILURES} times on this point but accepts others: {message}");
                self.reject_part(part, StoreError::Refused(message));
            }
            error => {
                let should_retry = tokio::select! {
                    biased;
                    should_retry = self.retries.wait_before_retry(&error) => should_retry,
                    // The next attempt drops all points of the part, because they are abandoned.
                    () = wait_receipts_abandoned(part.receipts.iter()) => {
                        return self.parts.push_front(part);
                    }
                };
                if should_retry { self.requeue_part(part, &error) } else { self.reject_part(part, error) }
            }
        }
    }

    /// Requeues a part; in halves after repeated failures, so that one point does not fail the others.
    fn requeue_part(&mut self, mut part: UpsertPart, error: &StoreError) {
        counter!(names::UPSERT_RETRIES, "reason" => error.kind()).increment(1);
        let (collection, points) = (&self.target.collection, part.points.len());
        tracing::warn!(collection, points, %error, "upsert failed; retrying");
        if part.points.len() > 1 && part.failure_count >= MAX_FAILURES {
            let second = part.split_off_half();
            // Behind the other parts: once one of them is written, it is known that the store works.
            self.parts.extend([part, second]);
        } else if part.failure_count > 0 {
            self.parts.push_back(part);
        } else {
            self.parts.push_front(part);
        }
    }

    fn finish_written(&mut self, part: UpsertPart, superseded: &HashSet<PointId>, latency: Duration) {
        let points = part.points.len();
        match self.outcome {
            WriteOutcome::Refused => {}
            WriteOutcome::Accepted { points: largest, .. } if largest >= points => {}
            WriteOutcome::Accepted { .. } | WriteOutcome::NoSample => {
                self.outcome = WriteOutcome::Accepted { points, latency }
            }
        }
        self.has_stored_points = true;
        self.retries.reset();
        counter!(names::INDEXED).increment((points - superseded.len()) as u64);
        part.finish_each(&mut self.unsettled_claims, |id, receipt| match superseded.contains(&id) {
            true => receipt.finish(Ok(OperationOutcome::Superseded)),
            false => receipt.confirm(),
        });
    }

    fn reject_part(&mut self, part: UpsertPart, error: StoreError) {
        let (collection, points) = (&self.target.collection, part.points.len());
        tracing::warn!(collection, points, %error, "upsert failed");
        let api_error = to_stream_error(error);
        part.finish_each(&mut self.unsettled_claims, |_, receipt| receipt.finish(Err(api_error.clone())));
    }

    /// Upserts points once. Returns those whose stored version is equal or newer.
    async fn attempt_upsert(&self, points: &[Point]) -> Result<HashSet<PointId>, StoreError> {
        histogram!(names::UPSERT_POINTS).record(points.len() as f64);
        let start = Instant::now();
        let (store, collection, vector_name) =
            (&self.target.store, &self.target.collection, &self.batch_key.vector_name);
        let outcome = match self.batch_key.has_versions {
            false => store.upsert(collection, vector_name, points).await.map(|()| HashSet::new()),
            true => store.upsert_newer(collection, vector_name, points).await,
        };
        let label = match &outcome {
            Ok(_) => "ok",
            Err(error) if error.is_retryable() => "retry",
            Err(_) => "error",
        };
        histogram!(names::UPSERT_SECONDS, "outcome" => label).record(start.elapsed().as_secs_f64());
        outcome
    }
}
