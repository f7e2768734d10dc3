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
    sender: Sender<QueuedItem<T>>,
    slots: Arc<Semaphore>,
    wait_times: Arc<WaitTimes>,
}

/// When each of those that wait came, the oldest first: crossbeam's channels don't show what is in them. Never more than
/// there are slots.
#[derive(Debug, Default)]
struct WaitTimes(Mutex<VecDeque<Instant>>);

impl WaitTimes {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.0.lock()
    }
}

/// An item in a lane, and its slot there.
#[derive(Debug)]
pub struct QueuedItem<T> {
    lane: &'static str,
    item: T,
    queued_at: Instant,
    wait_times: Arc<WaitTimes>,
    _slot: OwnedSemaphorePermit,
}

impl<T> QueuedItem<T> {
    /// Takes the item out of the lane.
    pub fn dequeue(self) -> T {
        histogram!(names::QUEUE_SECONDS, "lane" => self.lane).record(self.queued_at.elapsed().as_secs_f64());
        // Which of two that are taken at once is noted first makes no difference: the oldest times go.
        self.wait_times.lock().pop_front();
        self.item
    }
}

impl<T> Lane<T> {
    /// A lane of at most `capacity` items. Metrics know it by its name.
    pub fn new(name: &'static str, capacity: usize) -> (Self, Receiver<QueuedItem<T>>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        let slots = Arc::new(Semaphore::new(capacity));
        (Self { name, sender, slots, wait_times: Arc::default() }, receiver)
    }

    /// Waits for a slot and sends. First come, first served.
    ///
    /// # Errors
    /// Gives the item back if nobody receives any more.
    pub async fn send(&self, item: T) -> Result<(), T> {
        let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return Err(item) };
        // There is a slot a place in the channel, so it is never full.
        let queued_at = Instant::now();
        let queued =
            QueuedItem { lane: self.name, item, queued_at, wait_times: Arc::clone(&self.wait_times), _slot: slot };
        // Noted first, for it may be taken at once.
        self.wait_times.lock().push_back(queued_at);
        self.sender.try_send(queued).map_err(|error| match error {
            TrySendError::Full(queued) | TrySendError::Disconnected(queued) => queued.dequeue(),
        })
    }

    /// Sets the gauges of how many items wait, and how long.
    pub fn record_gauges(&self) {
        gauge!(names::QUEUE_DEPTH, "lane" => self.name).set(self.sender.len() as f64);
        gauge!(names::QUEUE_AGE, "lane" => self.name).set(self.oldest_age().as_secs_f64());
    }

    /// How long the oldest item has waited.
    fn oldest_age(&self) -> Duration {
        self.wait_times.lock().front().map_or(Duration::ZERO, Instant::elapsed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::is_pending;

    #[tokio::test]
    async fn holds_no_more_than_its_capacity() {
        let (lane, receiver) = Lane::new("test", 2);
        lane.send("first").await.unwrap();
        lane.send("second").await.unwrap();
        let third = lane.send("third");
        tokio::pin!(third);
        assert!(is_pending(&mut third).await, "two slots are all there are");
        let first = receiver.try_recv().unwrap();
        assert!(is_pending(&mut third).await, "the first has not been dealt with yet");
        assert_eq!((first.item, lane.sender.len()), ("first", 1));
        drop(first);
        third.await.unwrap();
        assert_eq!(lane.sender.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn its_age_is_that_of_the_oldest_that_waits() {
        const SECOND: Duration = Duration::from_secs(1);
        let (lane, receiver) = Lane::new("test", 3);
        assert_eq!(lane.oldest_age(), Duration::ZERO);
        lane.send("first").await.unwrap();
        tokio::time::advance(2 * SECOND).await;
        lane.send("second").await.unwrap();
        tokio::time::advance(SECOND).await;
        assert_eq!(lane.oldest_age(), 3 * SECOND);
        receiver.recv().unwrap().dequeue();
        assert_eq!(lane.oldest_age(), SECOND);
        receiver.recv().unwrap().dequeue();
        assert_eq!(lane.oldest_age(), Duration::ZERO);
        drop(receiver);
        assert_eq!(lane.send("third").await, Err("third"));
        assert_eq!(lane.oldest_age(), Duration::ZERO, "what was given back does not wait");
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
