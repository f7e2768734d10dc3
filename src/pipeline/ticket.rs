//! The ticket of an item that is not there yet. Whoever holds one may read an item from the network.
//!
//! It stands for two things. The place among all that is under way comes back when the item has its result. The slot
//! among the results of its own client comes back when the client takes the result: so a client that doesn't read holds
//! up itself and nobody else.

use tokio::sync::mpsc;

use super::admission::{Admission, Place};
use super::{Fault, Finalizer, Finished, closed, overloaded};

/// Room for one item and its result.
#[derive(Debug)]
pub struct Ticket<K, T> {
    slot: mpsc::OwnedPermit<Finished<K, T>>,
    place: Place,
    results: mpsc::Sender<Finished<K, T>>,
}

/// Where one client's tickets come from, and its results go.
#[derive(Debug)]
pub struct Tickets<K, T> {
    admission: Admission,
    results: mpsc::Sender<Finished<K, T>>,
}

impl<K, T> Tickets<K, T> {
    /// With so many slots, and where the results come out.
    pub fn new(admission: Admission, slots: usize) -> (Self, mpsc::Receiver<Finished<K, T>>) {
        let (results, receiver) = mpsc::channel(slots);
        (Self { admission, results }, receiver)
    }

    /// Waits for room for one more item. Ask for it before the item is read from the network.
    ///
    /// # Errors
    /// If the client has gone, or the pipeline is closed.
    pub async fn take(&self) -> Result<Ticket<K, T>, Fault> {
        // The slot first, for that keeps nobody else waiting.
        let slot = self.slot().await?;
        let place = self.admission.place().await.map_err(|_| closed())?;
        Ok(Ticket { slot, place, results: self.results.clone() })
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
        Ok(Ticket { slot: self.slot().await?, place, results: self.results.clone() })
    }

    async fn slot(&self) -> Result<mpsc::OwnedPermit<Finished<K, T>>, Fault> {
        self.results.clone().reserve_owned().await.map_err(|_| closed())
    }

    /// Waits until every item has its result and the client has taken it, or has gone.
    pub async fn settled(&self) {
        // All slots are free. They come back at once.
        let _slots = self.results.reserve_many(self.results.max_capacity()).await;
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
        Ok(Finalizer::new(key, permit, self.slot, self.results))
    }
}
