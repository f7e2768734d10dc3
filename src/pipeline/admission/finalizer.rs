//! The end of a piece of work: exactly one result, whatever happens to it on the way.

use metrics::counter;

use super::permit::Permit;
use super::results::{ItemResult, ResultSender};
use crate::metrics as names;
use crate::types::{ApiError, ErrorReason};

/// Owns the duty to answer for one item. Dropped unanswered, it answers that something failed: nothing is lost silently.
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
    /// The result will go into `slot`: sending never waits and never fails for lack of room.
    pub fn new(key: K, permit: Permit, result_sender: ResultSender<K, T>) -> Self {
        Self { pending: Some(PendingItem { key, permit, result_sender }) }
    }

    /// Whether nobody waits for the result any more: the client has gone, or its deadline has passed.
    pub fn is_abandoned(&self) -> bool {
        self.pending.as_ref().is_none_or(|pending| pending.result_sender.is_abandoned())
    }

    /// Which item it is; `None` when it is answered.
    pub fn key(&self) -> Option<&K> {
        self.pending.as_ref().map(|pending| &pending.key)
    }

    /// Answers.
    pub fn finish(mut self, outcome: Result<T, ApiError>) {
        self.answer(outcome);
    }

    fn answer(&mut self, outcome: Result<T, ApiError>) {
        if let Some(PendingItem { key, permit, result_sender }) = self.pending.take() {
            if let Err(error) = &outcome {
                counter!(names::REJECTED, "reason" => error.reason.as_str()).increment(1);
            }
            // First, so that whoever has the result finds it counted.
            drop(permit);
            result_sender.send(ItemResult { key, outcome });
        }
    }
}

/// Waits until nobody waits for the result of any of these items.
pub async fn wait_all_abandoned<'a, K: 'a, T: 'a>(finalizers: impl Iterator<Item = &'a Finalizer<K, T>>) {
    for pending in finalizers.filter_map(|finalizer| finalizer.pending.as_ref()) {
        pending.result_sender.wait_abandoned().await;
    }
}

impl<K, T> Drop for Finalizer<K, T> {
    fn drop(&mut self) {
        if self.pending.is_some() {
            let error = match self.is_abandoned() {
                true => {
                    ApiError::new(ErrorReason::Cancelled, "", "nobody waits for the result any more; send it again")
                }
                false => {
                    ApiError::new(ErrorReason::Internal, "", "the work was dropped before it was done; send it again")
                }
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
