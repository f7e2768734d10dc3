//! The results of one client on their way back to it, each in a slot of its own.

use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::result_slots::{ResultSlots, Slot, StallClock, StreamSlots};
use crate::pipeline::faults::closed;
use crate::types::Fault;

/// An item's result.
#[derive(Debug)]
pub struct Finished<K, T> {
    /// Which item.
    pub key: K,
    pub outcome: Result<T, Fault>,
}

/// Room for one result, and the way to its client.
#[derive(Debug)]
pub struct ResultSlot<K, T> {
    slot: Slot,
    room: mpsc::OwnedPermit<Delivery<K, T>>,
    results: mpsc::Sender<Delivery<K, T>>,
}

/// A result on its way to the client, with its slot.
#[derive(Debug)]
pub struct Delivery<K, T> {
    pub finished: Finished<K, T>,
    /// To be dropped when the client has taken the result.
    pub slot: Slot,
}

/// The sending end of one client's results.
#[derive(Debug)]
pub struct ResultChannel<K, T> {
    slots: StreamSlots,
    results: mpsc::Sender<Delivery<K, T>>,
}

/// Receives one client's results.
#[derive(Debug)]
pub struct ResultReceiver<K, T> {
    results: mpsc::Receiver<Delivery<K, T>>,
    clock: StallClock,
}

impl<K, T> ResultChannel<K, T> {
    /// Opens the channel of a client whose slots are of a shared budget.
    pub fn open(slots: &ResultSlots) -> (Self, ResultReceiver<K, T>) {
        let (results, receiver) = mpsc::channel(slots.max_per_stream());
        let slots = slots.stream();
        let receiver = ResultReceiver { results: receiver, clock: slots.clock() };
        (Self { slots, results }, receiver)
    }

    /// Waits for room for one more result.
    ///
    /// # Errors
    /// If the client has gone.
    pub async fn slot(&self) -> Result<ResultSlot<K, T>, Fault> {
        let slot = tokio::select! {
            biased;
            () = self.results.closed() => return Err(closed()),
            slot = self.slots.take() => slot,
        };
        // Does not wait: a stream never holds more slots than the channel has room for.
        let room = self.results.clone().reserve_owned().await.map_err(|_| closed())?;
        Ok(ResultSlot { slot, room, results: self.results.clone() })
    }

    /// Waits until the client has taken the result of every slot that was given.
    pub async fn settled(&self) {
        self.slots.settled().await;
    }

    /// Waits until the client has gone.
    pub async fn abandoned(&self) {
        self.results.closed().await;
    }
}

impl<K, T> ResultSlot<K, T> {
    /// Whether nobody waits for the result any more.
    pub fn is_abandoned(&self) -> bool {
        self.results.is_closed()
    }

    /// Waits until nobody waits for the result any more.
    pub async fn abandoned(&self) {
        self.results.closed().await;
    }

    /// Sends the result to the client. Never waits.
    pub fn send(self, finished: Finished<K, T>) {
        let Self { mut slot, room, results } = self;
        // What is sent to a receiver that is gone would be kept until the last sender is gone too.
        if !results.is_closed() {
            slot.wait();
            room.send(Delivery { finished, slot });
        }
    }
}

impl<K, T> ResultReceiver<K, T> {
    /// Receives the next result, which counts as taken by the client; `None` when there will be no more.
    pub async fn recv(&mut self) -> Option<Finished<K, T>> {
        self.results.recv().await.map(|delivery| delivery.finished)
    }

    /// Receives up to `max` results that the client has not taken yet; none when there will be no more.
    pub fn poll_recv_many(&mut self, context: &mut Context<'_>, max: usize) -> Poll<Vec<Delivery<K, T>>> {
        let mut received = Vec::new();
        self.results.poll_recv_many(context, &mut received, max).map(|_count| received)
    }

    /// Returns the clock that tells whether the client takes its results.
    pub fn clock(&self) -> StallClock {
        self.clock.clone()
    }
}
