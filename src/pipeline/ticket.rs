//! The ticket of an item that is not there yet. Whoever holds one may read an item from the network.
//!
//! It stands for two things. The place among all that is under way comes back when the item has its result. The slot
//! among the results of its own client comes back when the client takes the result: so a client that doesn't read holds
//! up itself and nobody else. Streams share a budget of slots ([`ResultSlots`]).

use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::admission::{Admission, Place};
use super::faults::{closed, overloaded};
use super::result_slots::{ResultSlots, Slot, StallClock, StreamSlots};
use super::{Fault, Finalizer, Finished};

/// Room for one item and its result.
#[derive(Debug)]
pub struct Ticket<K, T> {
    slot: ResultSlot<K, T>,
    place: Place,
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

/// Receives one client's results.
#[derive(Debug)]
pub struct ResultReceiver<K, T> {
    results: mpsc::Receiver<Delivery<K, T>>,
    clock: StallClock,
}

/// Where one client's tickets come from, and its results go.
#[derive(Debug)]
pub struct Tickets<K, T> {
    admission: Admission,
    slots: StreamSlots,
    results: mpsc::Sender<Delivery<K, T>>,
}

impl<K, T> Tickets<K, T> {
    /// Creates the tickets of a client with so many slots of its own, and the receiver of its results.
    pub fn new(admission: Admission, slots: usize) -> (Self, ResultReceiver<K, T>) {
        Self::sharing(admission, &ResultSlots::new(slots))
    }

    /// Creates the tickets of a client whose slots are of a shared budget, and the receiver of its results.
    pub fn sharing(admission: Admission, slots: &ResultSlots) -> (Self, ResultReceiver<K, T>) {
        let (results, receiver) = mpsc::channel(slots.max_per_stream());
        let slots = slots.stream();
        let receiver = ResultReceiver { results: receiver, clock: slots.clock() };
        (Self { admission, slots, results }, receiver)
    }

    /// Waits for room for one more item. Ask for it before the item is read from the network.
    ///
    /// # Errors
    /// If the client has gone, or the pipeline is closed.
    pub async fn take(&self) -> Result<Ticket<K, T>, Fault> {
        // The slot first, for that keeps nobody else waiting.
        let slot = self.slot().await?;
        let place = self.admission.place().await.map_err(|_| closed())?;
        Ok(Ticket { slot, place })
    }

    /// Room for all items of a call, of so many bytes each, at once.
    ///
    /// # Errors
    /// If there is not as much now.
    pub fn places(&self, sizes: &[usize]) -> Result<Vec<Place>, Fault> {
        self.admission.try_places(sizes).ok_or_else(overloaded)
    }

    /// Waits for the slot of an item that has its place.
    ///
    /// # Errors
    /// If the client has gone.
    pub async fn at(&self, place: Place) -> Result<Ticket<K, T>, Fault> {
        Ok(Ticket { slot: self.slot().await?, place })
    }

    async fn slot(&self) -> Result<ResultSlot<K, T>, Fault> {
        let slot = tokio::select! {
            biased;
            () = self.results.closed() => return Err(closed()),
            slot = self.slots.take() => slot,
        };
        // Does not wait: a stream never holds more slots than the channel has room for.
        let room = self.results.clone().reserve_owned().await.map_err(|_| closed())?;
        Ok(ResultSlot { slot, room, results: self.results.clone() })
    }

    /// Waits until every item has its result and the client has taken it, or has gone.
    pub async fn settled(&self) {
        self.slots.settled().await;
    }

    /// Waits until nobody waits for results any more: the client has gone.
    pub async fn abandoned(&self) {
        self.results.closed().await;
    }
}

impl<K, T> Ticket<K, T> {
    /// Waits for room for the item's bytes, and takes on the duty to answer for it.
    ///
    /// # Errors
    /// If the pipeline is closed.
    pub async fn redeem(self, key: K, bytes: usize) -> Result<Finalizer<K, T>, Fault> {
        let permit = self.place.weigh(bytes).await.map_err(|_| closed())?;
        Ok(Finalizer::new(key, permit, self.slot))
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
