//! Lane: a bounded queue from async tasks to the encoder threads.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use metrics::{gauge, histogram};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::metrics as names;

/// Sending side of a lane. Waits for capacity without blocking a thread.
#[derive(Debug)]
pub struct Lane<T> {
    name: &'static str,
    sender: Sender<QueuedItem<T>>,
    slots: Arc<Semaphore>,
    wait_times: Arc<WaitTimes>,
}

/// Enqueue times of the waiting items, oldest first, because crossbeam channels can't be inspected. At most as many as
/// the lane has slots.
#[derive(Debug, Default)]
struct WaitTimes(Mutex<VecDeque<Instant>>);

impl WaitTimes {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Instant>> {
        self.0.lock()
    }
}

/// Item in a lane, with its slot.
#[derive(Debug)]
pub struct QueuedItem<T> {
    lane: &'static str,
    item: T,
    queued_at: Instant,
    wait_times: Arc<WaitTimes>,
    _slot: OwnedSemaphorePermit,
}

impl<T> QueuedItem<T> {
    /// Takes the item out of the lane and records its queue time.
    pub fn dequeue(self) -> T {
        histogram!(names::QUEUE_SECONDS, "lane" => self.lane).record(self.queued_at.elapsed().as_secs_f64());
        // If two items are taken concurrently, the order of their calls does not matter: the two oldest times are
        // removed.
        self.wait_times.lock().pop_front();
        self.item
    }
}

impl<T> Lane<T> {
    /// Creates a lane of at most `capacity` items. `name` is the value of the metrics label `lane`.
    pub fn new(name: &'static str, capacity: usize) -> (Self, Receiver<QueuedItem<T>>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity);
        let slots = Arc::new(Semaphore::new(capacity));
        (Self { name, sender, slots, wait_times: Arc::default() }, receiver)
    }

    /// Waits for a slot in FIFO order and sends the item.
    ///
    /// # Errors
    /// Returns the item if the receivers are dropped.
    pub async fn send(&self, item: T) -> Result<(), T> {
        let Ok(slot) = Arc::clone(&self.slots).acquire_owned().await else { return Err(item) };
        // The channel has as many places as there are slots, so it is never full.
        let queued_at = Instant::now();
        let queued =
            QueuedItem { lane: self.name, item, queued_at, wait_times: Arc::clone(&self.wait_times), _slot: slot };
        // Recorded before the send, because a receiver may dequeue the item immediately.
        self.wait_times.lock().push_back(queued_at);
        self.sender.try_send(queued).map_err(|error| match error {
            TrySendError::Full(queued) | TrySendError::Disconnected(queued) => queued.dequeue(),
        })
    }

    /// Updates the gauges of the queue depth and the age of the oldest item.
    pub fn record_gauges(&self) {
        gauge!(names::QUEUE_DEPTH, "lane" => self.name).set(self.sender.len() as f64);
        gauge!(names::QUEUE_AGE, "lane" => self.name).set(self.oldest_age().as_secs_f64());
    }

    /// Returns the age of the oldest waiting item; zero if none waits.
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
        assert!(is_pending(&mut third).await, "both slots are in use");
        let first = receiver.try_recv().unwrap();
        assert!(is_pending(&mut third).await, "the first item still holds its slot");
        assert_eq!((first.item, lane.sender.len()), ("first", 1));
        drop(first);
        third.await.unwrap();
        assert_eq!(lane.sender.len(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_age_is_that_of_the_oldest_waiting_item() {
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
        assert_eq!(lane.oldest_age(), Duration::ZERO, "a returned item does not wait");
    }

    #[tokio::test]
    async fn returns_items_when_the_receiver_is_dropped() {
        let (lane, receiver) = Lane::new("test", 2);
        drop(receiver);
        assert_eq!(lane.send("first").await, Err("first"));
        // A failed send releases its slot, so more sends than slots can fail.
        assert_eq!(lane.send("second").await, Err("second"));
        assert_eq!(lane.send("third").await, Err("third"));
    }
}
