//! The end of a piece of work: exactly one result, whatever happens to it on the way.

use metrics::counter;
use tokio::sync::mpsc;

use super::admission::Permit;
use crate::metrics as names;
use crate::types::{Fault, Reason};

/// Owns the duty to answer for one item. Dropped unanswered, it answers that something failed: nothing is lost silently.
#[derive(Debug)]
pub struct Finalizer<K, T> {
    pending: Option<Pending<K, T>>,
}

#[derive(Debug)]
struct Pending<K, T> {
    key: K,
    permit: Option<Permit>,
    results: mpsc::Sender<Finished<K, T>>,
}

/// An item's result. Holds the item's permit until it is dropped, which is when it has left for the client.
#[derive(Debug)]
pub struct Finished<K, T> {
    /// Which item.
    pub key: K,
    pub outcome: Result<T, Fault>,
    _permit: Option<Permit>,
}

impl<K, T> Finalizer<K, T> {
    /// `results` has room for as many results as there are permits: sending never waits and never fails for lack of it.
    pub fn new(key: K, permit: Option<Permit>, results: mpsc::Sender<Finished<K, T>>) -> Self {
        Self { pending: Some(Pending { key, permit, results }) }
    }

    /// Whether nobody waits for the result any more: the client has gone, or its deadline has passed.
    pub fn is_abandoned(&self) -> bool {
        self.pending.as_ref().is_none_or(|pending| pending.results.is_closed())
    }

    /// Answers.
    pub fn finish(mut self, outcome: Result<T, Fault>) {
        self.answer(outcome);
    }

    fn answer(&mut self, outcome: Result<T, Fault>) {
        if let Some(Pending { key, permit, results }) = self.pending.take() {
            if let Err(fault) = &outcome {
                counter!(names::REJECTED, "reason" => fault.reason.as_str()).increment(1);
            }
            // An error here means that the receiver is gone: then nobody waits, and the permit is released.
            let _gone = results.try_send(Finished { key, outcome, _permit: permit });
        }
    }
}

impl<K, T> Drop for Finalizer<K, T> {
    fn drop(&mut self) {
        if self.pending.is_some() {
            let fault = Fault::new(Reason::Internal, "", "the work was dropped before it was done; send it again");
            self.answer(Err(fault));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn answers_once_even_if_dropped() {
        let (results, mut received) = mpsc::channel(4);
        Finalizer::new(1, None, results.clone()).finish(Ok("done"));
        drop(Finalizer::new(2, None, results.clone()));
        let abandoned = Finalizer::<_, &str>::new(3, None, results);
        let first = received.recv().await.unwrap();
        assert_eq!((first.key, first.outcome), (1, Ok("done")));
        let second = received.recv().await.unwrap();
        assert_eq!(second.key, 2);
        assert_eq!(second.outcome.unwrap_err().reason, Reason::Internal);
        assert!(!abandoned.is_abandoned());
        drop(received);
        assert!(abandoned.is_abandoned());
    }
}
