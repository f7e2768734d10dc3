//! Deletes: those of a call sent in one piece, those of streams in batches; and retried as upserts are.

use std::collections::HashSet;

use metrics::counter;
use tokio::time::Instant;
use tracing::{Span, debug_span};

use super::job::{DeleteJob, RemoveJob};
use super::retry::Retries;
use super::target::{RoundTrip, Target};
use crate::metrics as names;
use crate::pipeline::faults::stream_fault;
use crate::pipeline::operation::Stored;
use crate::pipeline::receipt::all_receipts_abandoned;
use crate::store::StoreError;
use crate::trace;
use crate::types::PointId;

impl Target {
    /// Deletes points and answers, unless nobody waits for that before it is sent.
    pub(super) async fn delete(&self, job: DeleteJob, deadline: Instant) -> RoundTrip {
        // The permits come back at the end, whether the caller waits or not.
        let DeleteJob { ids, claims, permits: _permits, mut answer, .. } = job;
        let mut retries = Retries::new(deadline, &*self.retries);
        let (mut unsettled, mut failed) = (false, false);
        while !answer.is_closed() {
            let outcome = self.store.delete(&self.collection, &ids).await;
            failed |= outcome.as_ref().is_err_and(StoreError::is_retryable);
            unsettled |= outcome.as_ref().is_err_and(StoreError::has_unknown_outcome);
            if let Err(error) = &outcome
                && tokio::select! {
                    biased;
                    again = retries.pause_after(error) => again,
                    () = answer.closed() => break,
                }
            {
                counter!(names::UPSERT_RETRIES, "reason" => error.kind()).increment(1);
                tracing::warn!(collection = self.collection, points = ids.len(), %error, "delete failed; retrying");
                continue;
            }
            if outcome.is_ok() {
                counter!(names::DELETED).increment(ids.len() as u64);
            }
            // Whoever has gone away meanwhile needs no answer.
            let _answered = answer.send(outcome);
            break;
        }
        if unsettled {
            self.settler.settle(claims).await;
        }
        // How long a delete takes says nothing about upserts.
        if failed { RoundTrip::Refused } else { RoundTrip::NotSent }
    }

    /// The span of a batch of deletes.
    pub(super) fn removal_span(&self, batch: &[RemoveJob]) -> Span {
        let first = batch.first().and_then(|job| job.receipt.span.id());
        let collection = &self.collection;
        let span = debug_span!(parent: first, "delete", otel.kind = "client", collection, points = batch.len());
        trace::batch(span, batch.iter().map(|job| &job.receipt.span))
    }

    /// Deletes the points of a batch and answers for each of them. No attempt begins after `deadline` but the first.
    pub(super) async fn remove(&self, mut jobs: Vec<RemoveJob>, deadline: Instant) -> RoundTrip {
        let mut retries = Retries::new(deadline, &*self.retries);
        let (mut unsettled, mut failed) = (false, false);
        let mut settling = Vec::new();
        loop {
            // What nobody waits for any more is not sent, or not again.
            let (kept, abandoned): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| !job.receipt.is_abandoned());
            jobs = kept;
            if unsettled {
                settling.extend(abandoned.into_iter().map(|job| job.receipt.abandon()));
            }
            if jobs.is_empty() {
                break;
            }
            let outcome = self.remove_once(&jobs).await;
            failed |= outcome.as_ref().is_err_and(StoreError::is_retryable);
            unsettled |= outcome.as_ref().is_err_and(StoreError::has_unknown_outcome);
            let points = jobs.len();
            if let Err(error) = &outcome {
                let again = tokio::select! {
                    biased;
                    again = retries.pause_after(error) => again,
                    () = all_receipts_abandoned(jobs.iter().map(|job| &job.receipt)) => continue,
                };
                if again {
                    counter!(names::UPSERT_RETRIES, "reason" => error.kind()).increment(1);
                    tracing::warn!(collection = self.collection, points, %error, "delete failed; retrying");
                    continue;
                }
                tracing::warn!(collection = self.collection, points, %error, "delete failed");
            }
            if let Ok(superseded) = &outcome {
                counter!(names::DELETED).increment((points - superseded.len()) as u64);
            }
            let outcome = outcome.map_err(stream_fault);
            for RemoveJob { id, receipt, .. } in jobs {
                let claim = match &outcome {
                    Ok(superseded) if superseded.contains(&id) => receipt.finish(Ok(Stored::Superseded)),
                    Ok(_) => receipt.confirm(),
                    Err(fault) => receipt.finish(Err(fault.clone())),
                };
                if unsettled {
                    settling.push(claim);
                }
            }
            break;
        }
        self.settler.settle(settling).await;
        if failed { RoundTrip::Refused } else { RoundTrip::NotSent }
    }

    /// Deletes points once. Returns those that the store has in a version that is not older.
    async fn remove_once(&self, jobs: &[RemoveJob]) -> Result<HashSet<PointId>, StoreError> {
        let any: Vec<_> = jobs.iter().filter(|job| job.version.is_none()).map(|job| job.id).collect();
        let older: Vec<_> = jobs.iter().filter_map(|job| Some((job.id, job.version?))).collect();
        if !any.is_empty() {
            self.store.delete(&self.collection, &any).await?;
        }
        match older.is_empty() {
            true => Ok(HashSet::new()),
            false => self.store.delete_older(&self.collection, &older).await,
        }
    }
}
