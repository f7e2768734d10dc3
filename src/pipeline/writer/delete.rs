//! Deletes: sent in one piece, and retried as upserts are.

use metrics::counter;
use tokio::time::Instant;

use super::DeleteJob;
use super::upsert::{RoundTrip, Target};
use crate::metrics as names;
use crate::store::StoreError;
use crate::store::retry::Retries;

impl Target {
    /// Deletes points and answers, unless nobody waits for that before it is sent.
    pub(super) async fn delete(&self, job: DeleteJob, deadline: Instant) -> RoundTrip {
        // The permits come back at the end, whether the caller waits or not.
        let DeleteJob { ids, claims, permits: _permits, mut answer, .. } = job;
        let mut retries = Retries::new(deadline, &self.retries);
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
}
