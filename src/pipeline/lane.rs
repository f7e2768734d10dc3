//! A lane: a bounded queue from the async side to the encoder threads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use metrics::{gauge, histogram};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::metrics as names;

/// The sending end. Waits without holding a thread.
#[derive(Debug)]
pub struct Lane<T> {
    name: &'static str,
    sender: Sender<Queued<T>>,
    slots: Arc<Semaphore>,
    waiting: Arc<Waiting>,
}

/// When each of those that wait came, the oldest first: crossbeam's channels don't show what is in them. Never more than
/// there are slots.
#[derive(Debug, Default)]
struct Waiting(Mutex<VecDeque<Instant>>);

impl Waiting {
    fn times(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.0.lock()
    }
}

/// An item in a lane, and its slot there.
#[derive(Debug)]
pub struct Queued<T> {
    lane: &'static str,
    item: T,
    since: Instant,
    waiting: Arc<Waiting>,
    _slot: OwnedSemaphorePermit,
}

impl<T> Queued<T> {
    /// Takes the item out of the lane.
    pub fn take(self) -> T {
        histogram!(names::QUEUE_SECONDS, "lane" => self.lane).record(self.since.elapsed().as_secs_f64());
        // Which of two that are taken at once is noted first makes no difference: the oldest times go.
        self.waiting.times().pop_front();
        self.item
    }
}

impl<T> Lane<T> {
    /// A lane of at most `capacity` items. Metrics know it by its name.
    pub fn new(name: &'static str, capacity: usize) -> (Self, Receiver<Queued<T>>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        let slots = Arc::new(Semaphore::new(capacity));
        (Self { name, sender, slots, waiting: Arc::default() }, receiver)
    }

    /// Waits for a slot and sends. First come, first served.
    ///
    /// # Errors
    /// Gives the item back if nobody receives any more.
    pub async fn send(&self, item: T) -> Result<(), T> {
        let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return Err(item) };
        // There is a slot a place in the channel, so it is never full.
        let since = Instant::now();
        let queued = Queued { lane: self.name, item, since, waiting: Arc::clone(&self.waiting), _slot: slot };
        // Noted first, for it may be taken at once.
        self.waiting.times().push_back(since);
        self.sender.try_send(queued).map_err(|error| match error {
            TrySendError::Full(queued) | TrySendError::Disconnected(queued) => queued.take(),
        })
    }

    /// Sets the gauges of how many items wait, and how long.
    pub fn observe(&self) {
        gauge!(names::QUEUE_DEPTH, "lane" => self.name).set(self.sender.len() as f64);
        gauge!(names::QUEUE_AGE, "lane" => self.name).set(self.age().as_secs_f64());
    }

    /// How long the oldest item has waited.
    fn age(&self) -> Duration {
        self.waiting.times().front().map_or(Duration::ZERO, Instant::elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::pending;

    #[tokio::test]
    async fn holds_no_more_than_its_capacity() {
        let (lane, receiver) = Lane::new("test", 2);
        lane.send("first").await.unwrap();
        lane.send("second").await.unwrap();
        let third = lane.send("third");
        tokio::pin!(third);
        assert!(pending(&mut third).await, "two slots are all there are");
        let first = receiver.try_recv().unwrap();
        assert!(pending(&mut third).await, "the first has not been dealt with yet");
        assert_eq!((first.item, lane.sender.len()), ("first", 1));
        drop(first);
        third.await.unwrap();
        assert_eq!(lane.sender.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn its_age_is_that_of_the_oldest_that_waits() {
        const SECOND: Duration = Duration::from_secs(1);
        let (lane, receiver) = Lane::new("test", 3);
        assert_eq!(lane.age(), Duration::ZERO);
        lane.send("first").await.unwrap();
        tokio::time::advance(2 * SECOND).await;
        lane.send("second").await.unwrap();
        tokio::time::advance(SECOND).await;
        assert_eq!(lane.age(), 3 * SECOND);
        receiver.recv().unwrap().take();
        assert_eq!(lane.age(), SECOND);
        receiver.recv().unwrap().take();
        assert_eq!(lane.age(), Duration::ZERO);
        drop(receiver);
        assert_eq!(lane.send("third").await, Err("third"));
        assert_eq!(lane.age(), Duration::ZERO, "what was given back does not wait");
    }

    #[tokio::test]
    async fn gives_back_what_nobody_receives() {
        let (lane, receiver) = Lane::new("test", 2);
        drop(receiver);
        assert_eq!(lane.send("first").await, Err("first"));
        // A slot that was taken for nothing came back.
        assert_eq!(lane.send("second").await, Err("second"));
        assert_eq!(lane.send("third").await, Err("third"));
    }
}
