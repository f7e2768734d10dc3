//! Exactly one result per item.

use metrics::counter;

use super::permit::Permit;
use super::results::{ItemResult, ResultSender};
use crate::metrics as names;
use crate::types::{ApiError, ErrorReason};

/// Owns an item's permit and must report the item's result. Reports an error when dropped without a result, so that no
/// item is lost silently.
#[derive(Debug)]
pub struct Finalizer<K, T> {
    pending: Option<PendingItem<K, T>>,
}

#[derive(Debug)]
struct PendingItem<K, T> {
    key: K,
    permit: Permit,
    result_sender: ResultSender<K, T>,
}

impl<K, T> Finalizer<K, T> {
    /// Creates the finalizer of an item. `result_sender` already holds a slot, so sending never waits and never fails
    /// for lack of capacity.
    pub fn new(key: K, permit: Permit, result_sender: ResultSender<K, T>) -> Self {
        Self { pending: Some(PendingItem { key, permit, result_sender }) }
    }

    /// Returns true if the client has disconnected or its deadline has passed, so the result is not needed any more.
    pub fn is_abandoned(&self) -> bool {
        self.pending.as_ref().is_none_or(|pending| pending.result_sender.is_abandoned())
    }

    /// Returns the key of the item; `None` once it is answered.
    pub fn key(&self) -> Option<&K> {
        self.pending.as_ref().map(|pending| &pending.key)
    }

    /// Answers with the result of the item.
    pub fn finish(mut self, outcome: Result<T, ApiError>) {
        self.answer(outcome);
    }

    fn answer(&mut self, outcome: Result<T, ApiError>) {
        if let Some(PendingItem { key, permit, result_sender }) = self.pending.take() {
            if let Err(error) = &outcome {
                counter!(names::REJECTED, "reason" => error.reason.as_str()).increment(1);
            }
            // Before the result is sent, so that a client that has all its results sees no permits held.
            drop(permit);
            result_sender.send(ItemResult { key, outcome });
        }
    }
}

/// Waits until all of these items are abandoned.
pub async fn wait_all_abandoned<'a, K: 'a, T: 'a>(finalizers: impl Iterator<Item = &'a Finalizer<K, T>>) {
    for pending in finalizers.filter_map(|finalizer| finalizer.pending.as_ref()) {
        pending.result_sender.wait_abandoned().await;
    }
}

impl<K, T> Drop for Finalizer<K, T> {
    fn drop(&mut self) {
        if self.pending.is_some() {
            let error = match self.is_abandoned() {
                true => ApiError::new(
                    ErrorReason::Cancelled,
                    "",
                    "the call was cancelled before the item had a result; send it again",
                ),
                false => ApiError::new(
                    ErrorReason::Internal,
                    "",
                    "the item was dropped before it had a result; send it again",
                ),
            };
            self.answer(Err(error));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::admission::{PermitPool, TicketIssuer};

    #[tokio::test]
    async fn answers_once_even_if_dropped() {
        let admission = PermitPool::new(4, 100);
        let (tickets, mut received) = TicketIssuer::new(admission.clone(), 4);
        let finalizer = async |key| tickets.acquire().await.unwrap().admit(key, 10).await.unwrap();
        finalizer(1).await.finish(Ok("done"));
        drop(finalizer(2).await);
        let abandoned = finalizer(3).await;
        assert_eq!(admission.held_permits(), 1);
        let first = received.recv().await.unwrap();
        assert_eq!((first.key, first.outcome), (1, Ok("done")));
        let second = received.recv().await.unwrap();
        assert_eq!(second.key, 2);
        assert_eq!(second.outcome.unwrap_err().reason, ErrorReason::Internal);
        assert!(!abandoned.is_abandoned());
        drop(received);
        assert!(abandoned.is_abandoned());
        drop(abandoned);
        assert_eq!(admission.held_permits(), 0);
    }
}
