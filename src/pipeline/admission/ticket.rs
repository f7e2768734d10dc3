//! The ticket of an item that is not there yet. Whoever holds one may read an item from the network.
//!
//! It stands for two things. The place among all that is under way comes back when the item has its result. The slot
//! among the results of its own client comes back when the client takes the result: so a client that doesn't read holds
//! up itself and nobody else. Streams share a budget of slots ([`ResultSlots`]).

use super::finalizer::Finalizer;
use super::permit::{Admission, Place};
use super::result_slots::ResultSlots;
use super::results::{ResultChannel, ResultReceiver, ResultSlot};
use crate::pipeline::faults::{closed, overloaded};
use crate::types::Fault;

/// Room for one item and its result.
#[derive(Debug)]
pub struct Ticket<K, T> {
    slot: ResultSlot<K, T>,
    place: Place,
}

/// Where one client's tickets come from, and its results go.
#[derive(Debug)]
pub struct Tickets<K, T> {
    admission: Admission,
    results: ResultChannel<K, T>,
}

impl<K, T> Tickets<K, T> {
    /// Creates the tickets of a client with so many slots of its own, and the receiver of its results.
    pub fn new(admission: Admission, slots: usize) -> (Self, ResultReceiver<K, T>) {
        Self::sharing(admission, &ResultSlots::new(slots))
    }

    /// Creates the tickets of a client whose slots are of a shared budget, and the receiver of its results.
    pub fn sharing(admission: Admission, slots: &ResultSlots) -> (Self, ResultReceiver<K, T>) {
        let (results, receiver) = ResultChannel::open(slots);
        (Self { admission, results }, receiver)
    }

    /// Waits for room for one more item. Ask for it before the item is read from the network.
    ///
    /// # Errors
    /// If the client has gone, or the pipeline is closed.
    pub async fn take(&self) -> Result<Ticket<K, T>, Fault> {
        // The slot first, for that keeps nobody else waiting.
        let slot = self.results.slot().await?;
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
        Ok(Ticket { slot: self.results.slot().await?, place })
    }

    /// Waits until every item has its result and the client has taken it, or has gone.
    pub async fn settled(&self) {
        self.results.settled().await;
    }

    /// Waits until nobody waits for results any more: the client has gone.
    pub async fn abandoned(&self) {
        self.results.abandoned().await;
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
