//! The ticket of an item that is not there yet. Whoever holds one may read an item from the network.
//!
//! It stands for two things. The place among all that is under way comes back when the item has its result. The slot
//! among the results of its own client comes back when the client takes the result: so a client that doesn't read holds
//! up itself and nobody else.

use tokio::sync::mpsc;

use super::admission::{Admission, Place};
use super::{Fault, Finalizer, Finished, closed};

/// Room for one item and its result.
#[derive(Debug)]
pub struct Ticket<K, T> {
    slot: mpsc::OwnedPermit<Finished<K, T>>,
    place: Place,
    results: mpsc::Sender<Finished<K, T>>,
}

impl<K, T> Ticket<K, T> {
    /// Waits for the slot first, for that keeps nobody else waiting.
    ///
    /// # Errors
    /// If nobody takes results any more, or the pipeline is closed.
    pub async fn take(admission: &Admission, results: &mpsc::Sender<Finished<K, T>>) -> Result<Self, Fault> {
        let results = results.clone();
        let slot = results.clone().reserve_owned().await.map_err(|_| closed())?;
        let place = admission.place().await.map_err(|_| closed())?;
        Ok(Self { slot, place, results })
    }

    /// Waits for the slot of an item that has its place.
    ///
    /// # Errors
    /// If nobody takes results any more.
    pub async fn at(place: Place, results: &mpsc::Sender<Finished<K, T>>) -> Result<Self, Fault> {
        let results = results.clone();
        let slot = results.clone().reserve_owned().await.map_err(|_| closed())?;
        Ok(Self { slot, place, results })
    }

    /// Waits for room for the item's bytes, and takes on the duty to answer for it.
    ///
    /// # Errors
    /// If the pipeline is closed.
    pub async fn redeem(self, key: K, bytes: usize) -> Result<Finalizer<K, T>, Fault> {
        let permit = self.place.weigh(bytes).await.map_err(|_| closed())?;
        Ok(Finalizer::new(key, permit, self.slot, self.results))
    }
}
