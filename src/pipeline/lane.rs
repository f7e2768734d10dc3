//! A lane: a bounded queue from the async side to the encoder threads.

use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The sending end. Waits without holding a thread.
#[derive(Debug)]
pub struct Lane<T> {
    sender: Sender<Queued<T>>,
    slots: Arc<Semaphore>,
}

/// An item in a lane, and its slot there.
#[derive(Debug)]
pub struct Queued<T> {
    pub item: T,
    _slot: OwnedSemaphorePermit,
}

impl<T> Lane<T> {
    /// A lane of at most `capacity` items.
    pub fn new(capacity: usize) -> (Self, Receiver<Queued<T>>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        (Self { sender, slots: Arc::new(Semaphore::new(capacity)) }, receiver)
    }

    /// Waits for a slot and sends. First come, first served.
    ///
    /// # Errors
    /// Gives the item back if nobody receives any more.
    pub async fn send(&self, item: T) -> Result<(), T> {
        let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return Err(item) };
        // There is a slot a place in the channel, so it is never full.
        self.sender.try_send(Queued { item, _slot: slot }).map_err(|error| match error {
            TrySendError::Full(queued) | TrySendError::Disconnected(queued) => queued.item,
        })
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.sender.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::pending;

    #[tokio::test]
    async fn holds_no_more_than_its_capacity() {
        let (lane, receiver) = Lane::new(2);
        lane.send("first").await.unwrap();
        lane.send("second").await.unwrap();
        let third = lane.send("third");
        tokio::pin!(third);
        assert!(pending(&mut third).await, "two slots are all there are");
        let first = receiver.try_recv().unwrap();
        assert!(pending(&mut third).await, "the first has not been dealt with yet");
        assert_eq!((first.item, lane.len()), ("first", 1));
        drop(first);
        third.await.unwrap();
        assert_eq!(lane.len(), 2);
    }

    #[tokio::test]
    async fn gives_back_what_nobody_receives() {
        let (lane, receiver) = Lane::new(2);
        drop(receiver);
        assert_eq!(lane.send("first").await, Err("first"));
        // A slot that was taken for nothing came back.
        assert_eq!(lane.send("second").await, Err("second"));
        assert_eq!(lane.send("third").await, Err("third"));
    }
}
