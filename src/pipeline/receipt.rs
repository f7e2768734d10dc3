//! State of an operation that accompanies it through all stages, from admission to result.

use tokio::time::Instant;
use tracing::Span;

use super::admission::{Finalizer, wait_all_abandoned};
use super::in_flight_ids::Claim;
use super::operation::{IndexingStats, OperationKey, OperationOutcome};
use crate::types::ApiError;

/// Operation in flight, without its content.
#[derive(Debug)]
pub struct Receipt {
    /// Approximate size in bytes, including the vector once it is encoded.
    pub bytes: usize,
    /// Time of admission, then time of arrival at the writer, from which the retry timeout counts.
    pub queued_at: Instant,
    /// Span of the operation's call.
    pub span: Span,
    /// Result to report if the store confirms the change.
    outcome: OperationOutcome,
    finalizer: Finalizer<OperationKey, OperationOutcome>,
    /// Place in the queue of the id; later changes wait for it.
    claim: Claim,
}

impl Receipt {
    /// Creates the receipt of an operation of the current call. `outcome` is the result to report on success.
    pub fn new(
        bytes: usize,
        outcome: OperationOutcome,
        finalizer: Finalizer<OperationKey, OperationOutcome>,
        claim: Claim,
    ) -> Self {
        Self { bytes, queued_at: Instant::now(), span: Span::current(), outcome, finalizer, claim }
    }

    /// Returns the sequence number of the operation; `None` if it is answered.
    pub fn sequence(&self) -> Option<u64> {
        self.finalizer.key().map(|key| key.sequence)
    }

    /// Returns true if the client has disconnected, so the result is not needed any more.
    pub fn is_abandoned(&self) -> bool {
        self.finalizer.is_abandoned()
    }

    /// Returns true if earlier changes of the id are in flight.
    pub fn must_wait(&self) -> bool {
        self.claim.must_wait()
    }

    /// Waits for earlier changes of the id.
    pub async fn wait_until_first(&mut self) {
        self.claim.wait_until_first().await;
    }

    /// Returns true if later changes of the id wait for this one.
    pub fn has_waiters(&self) -> bool {
        self.claim.has_waiters()
    }

    /// Records the statistics of the encoded document and the size of its vector.
    pub fn record_encoded(&mut self, stats: IndexingStats, vector_bytes: usize) {
        self.outcome = OperationOutcome::Indexed(stats);
        self.bytes += vector_bytes;
    }

    /// Answers with success. Later changes of the id wait until the returned claim is dropped.
    pub fn confirm(self) -> Claim {
        let outcome = self.outcome;
        self.finish(Ok(outcome))
    }

    /// Answers with `outcome`. Later changes of the id wait until the returned claim is dropped.
    pub fn finish(self, outcome: Result<OperationOutcome, ApiError>) -> Claim {
        self.finalizer.finish(outcome);
        self.claim
    }

    /// Drops an abandoned operation, which reports an error, and returns its claim.
    pub fn abandon(self) -> Claim {
        self.claim
    }
}

/// Waits until all of these operations are abandoned.
pub async fn wait_receipts_abandoned<'a>(receipts: impl Iterator<Item = &'a Receipt>) {
    wait_all_abandoned(receipts.map(|receipt| &receipt.finalizer)).await;
}
