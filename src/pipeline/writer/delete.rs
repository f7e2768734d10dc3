//! Deletes of unary calls and of streams, with retries.

use std::collections::HashSet;

use metrics::counter;
use tokio::time::Instant;
use tracing::{Span, debug_span};

use super::job::{StreamDeleteJob, UnaryDeleteJob};
use super::retry::RetrySchedule;
use super::write_target::{WriteOutcome, WriteTarget};
use crate::metrics as names;
use crate::pipeline::errors::to_stream_error;
use crate::pipeline::operation::OperationOutcome;
use crate::pipeline::receipt::wait_receipts_abandoned;
use crate::store::StoreError;
use crate::trace;
use crate::types::PointId;

impl WriteTarget {
    /// Deletes the points of a unary call and reports the result. Sends nothing more once the caller has disconnected.
    pub(super) async fn delete_unary(&self, job: UnaryDeleteJob, deadline: Instant) -> WriteOutcome {
        // Held until the end, even if the caller disconnects.
        let UnaryDeleteJob { ids, claims, permits: _permits, mut reply, .. } = job;
        let mut retries = RetrySchedule::new(deadline, &*self.retry_budget);
        let (mut has_unknown_outcome, mut has_failed) = (false, false);
        while !reply.is_closed() {
            let outcome = self.store.delete(&self.collection, &ids).await;
            has_failed |= outcome.as_ref().is_err_and(StoreError::is_retryable);
            has_unknown_outcome |= outcome.as_ref().is_err_and(StoreError::has_unknown_outcome);
            if let Err(error) = &outcome
                && tokio::select! {
                    biased;
                    should_retry = retries.wait_before_retry(error) => should_retry,
                    () = reply.closed() => break,
                }
            {
                counter!(names::UPSERT_RETRIES, "reason" => error.kind()).increment(1);
                tracing::warn!(collection = self.collection, points = ids.len(), %error, "delete failed; retrying");
                continue;
            }
            if outcome.is_ok() {
                counter!(names::DELETED).increment(ids.len() as u64);
            }
            // Fails if the caller has disconnected.
            let _sent = reply.send(outcome);
            break;
        }
        if has_unknown_outcome {
            self.late_writes.hold(claims).await;
        }
        // The latency of deletes is not comparable with that of upserts.
        if has_failed { WriteOutcome::Refused } else { WriteOutcome::NoSample }
    }

    /// Creates the span of a batch of deletes.
    pub(super) fn create_delete_span(&self, batch: &[StreamDeleteJob]) -> Span {
        let first = batch.first().and_then(|job| job.receipt.span.id());
        let collection = &self.collection;
        let span = debug_span!(parent: first, "delete", otel.kind = "client", collection, points = batch.len());
        trace::link_batch_span(span, batch.iter().map(|job| &job.receipt.span))
    }

    /// Deletes the points of a batch and reports the result of each. Only the first attempt may begin after `deadline`.
    pub(super) async fn delete_batch(&self, mut jobs: Vec<StreamDeleteJob>, deadline: Instant) -> WriteOutcome {
        let mut retries = RetrySchedule::new(deadline, &*self.retry_budget);
        let (mut has_unknown_outcome, mut has_failed) = (false, false);
        let mut unsettled_claims = Vec::new();
        loop {
            // Abandoned operations are not sent, or not sent again.
            let (kept, abandoned): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| !job.receipt.is_abandoned());
            jobs = kept;
            if has_unknown_outcome {
                unsettled_claims.extend(abandoned.into_iter().map(|job| job.receipt.abandon()));
            }
            if jobs.is_empty() {
                break;
            }
            let outcome = self.attempt_delete(&jobs).await;
            has_failed |= outcome.as_ref().is_err_and(StoreError::is_retryable);
            has_unknown_outcome |= outcome.as_ref().is_err_and(StoreError::has_unknown_outcome);
            let points = jobs.len();
            if let Err(error) = &outcome {
                let should_retry = tokio::select! {
                    biased;
                    should_retry = retries.wait_before_retry(error) => should_retry,
                    () = wait_receipts_abandoned(jobs.iter().map(|job| &job.receipt)) => continue,
                };
                if should_retry {
                    counter!(names::UPSERT_RETRIES, "reason" => error.kind()).increment(1);
                    tracing::warn!(collection = self.collection, points, %error, "delete failed; retrying");
                    continue;
                }
                tracing::warn!(collection = self.collection, points, %error, "delete failed");
            }
            if let Ok(superseded) = &outcome {
                counter!(names::DELETED).increment((points - superseded.len()) as u64);
            }
            let outcome = outcome.map_err(to_stream_error);
            for StreamDeleteJob { id, receipt, .. } in jobs {
                let claim = match &outcome {
                    Ok(superseded) if superseded.contains(&id) => receipt.finish(Ok(OperationOutcome::Superseded)),
                    Ok(_) => receipt.confirm(),
                    Err(error) => receipt.finish(Err(error.clone())),
                };
                if has_unknown_outcome {
                    unsettled_claims.push(claim);
                }
            }
            break;
        }
        self.late_writes.hold(unsettled_claims).await;
        if has_failed { WriteOutcome::Refused } else { WriteOutcome::NoSample }
    }

    /// Deletes points once. Returns those whose stored version is equal or newer.
    async fn attempt_delete(&self, jobs: &[StreamDeleteJob]) -> Result<HashSet<PointId>, StoreError> {
        let unconditional: Vec<_> = jobs.iter().filter(|job| job.version.is_none()).map(|job| job.id).collect();
        let versioned: Vec<_> = jobs.iter().filter_map(|job| Some((job.id, job.version?))).collect();
        if !unconditional.is_empty() {
            self.store.delete(&self.collection, &unconditional).await?;
        }
        match versioned.is_empty() {
            true => Ok(HashSet::new()),
            false => self.store.delete_older(&self.collection, &versioned).await,
        }
    }
}
