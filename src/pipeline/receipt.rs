//! What travels with an operation through all stages, from its admission to its result.

use tokio::time::Instant;
use tracing::Span;

use super::admission::{Finalizer, wait_all_abandoned};
use super::in_flight_ids::Claim;
use super::operation::{IndexingStats, OperationKey, OperationOutcome};
use crate::types::ApiError;

/// An operation in flight, but for its content.
#[derive(Debug)]
pub struct Receipt {
    /// Approximate size in bytes, with the vector once there is one.
    pub bytes: usize,
    /// When the operation came to the writer: its retries count from then. Before that, when it was admitted.
    pub queued_at: Instant,
    /// The call that it is of.
    pub span: Span,
    /// The result if the store has the change.
    outcome: OperationOutcome,
    finalizer: Finalizer<OperationKey, OperationOutcome>,
    /// Keeps later changes of the id waiting.
    claim: Claim,
}

impl Receipt {
    /// Creates the receipt of an operation that the current call brings. `outcome` is its result if the store has the change.
    pub fn new(
        bytes: usize,
        outcome: OperationOutcome,
        finalizer: Finalizer<OperationKey, OperationOutcome>,
        claim: Claim,
    ) -> Self {
        Self { bytes, queued_at: Instant::now(), span: Span::current(), outcome, finalizer, claim }
    }

    /// Returns the operation's number in its stream; `None` if it is answered.
    pub fn sequence(&self) -> Option<u64> {
        self.finalizer.key().map(|key| key.sequence)
    }

    /// Whether nobody waits for the result any more.
    pub fn is_abandoned(&self) -> bool {
        self.finalizer.is_abandoned()
    }

    /// Whether changes of the id that were accepted before are still in flight.
    pub fn must_wait(&self) -> bool {
        self.claim.must_wait()
    }

    /// Waits for the changes of the id that were accepted before.
    pub async fn wait_until_first(&mut self) {
        self.claim.wait_until_first().await;
    }

    /// Whether another change of the id waits for this one.
    pub fn has_waiters(&self) -> bool {
        self.claim.has_waiters()
    }

    /// Notes that the document was encoded, and that its vector adds so many bytes.
    pub fn record_encoded(&mut self, stats: IndexingStats, vector_bytes: usize) {
        self.outcome = OperationOutcome::Indexed(stats);
        self.bytes += vector_bytes;
    }

    /// Answers that the store has the change. As long as the claim is kept, later changes of the id wait.
    pub fn confirm(self) -> Claim {
        let outcome = self.outcome;
        self.finish(Ok(outcome))
    }

    /// Answers. As long as the claim is kept, later changes of the id wait.
    pub fn finish(self, outcome: Result<OperationOutcome, ApiError>) -> Claim {
        self.finalizer.finish(outcome);
        self.claim
    }

    /// Gives up an operation that nobody waits for any more, but for its claim.
    pub fn abandon(self) -> Claim {
        self.claim
    }
}

/// Waits until nobody waits for the result of any of these operations.
pub async fn wait_receipts_abandoned<'a>(receipts: impl Iterator<Item = &'a Receipt>) {
    wait_all_abandoned(receipts.map(|receipt| &receipt.finalizer)).await;
}
