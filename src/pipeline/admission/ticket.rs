//! The ticket of an item that is not there yet. Whoever holds one may read an item from the network.
//!
//! It stands for two things. The place among all that is under way comes back when the item has its result. The slot
//! among the results of its own client comes back when the client takes the result: so a client that doesn't read holds
//! up itself and nobody else. Streams share a budget of slots ([`ResultSlots`]).

use super::finalizer::Finalizer;
use super::permit::{PermitPool, PermitReservation};
use super::result_slots::ResultSlots;
use super::results::{ResultChannel, ResultReceiver, ResultSender};
use crate::pipeline::errors::{new_overloaded_error, new_shutting_down_error};
use crate::types::ApiError;

/// Room for one item and its result.
#[derive(Debug)]
pub struct AdmissionTicket<K, T> {
    result_sender: ResultSender<K, T>,
    reservation: PermitReservation,
}

/// Where one client's tickets come from, and its results go.
#[derive(Debug)]
pub struct TicketIssuer<K, T> {
    permits: PermitPool,
    results: ResultChannel<K, T>,
}

impl<K, T> TicketIssuer<K, T> {
    /// Creates the tickets of a client with so many slots of its own, and the receiver of its results.
    pub fn new(permits: PermitPool, max_slots: usize) -> (Self, ResultReceiver<K, T>) {
        Self::with_shared_slots(permits, &ResultSlots::new(max_slots))
    }

    /// Creates the tickets of a client whose slots are of a shared budget, and the receiver of its results.
    pub fn with_shared_slots(permits: PermitPool, slots: &ResultSlots) -> (Self, ResultReceiver<K, T>) {
        let (results, receiver) = ResultChannel::open(slots);
        (Self { permits, results }, receiver)
    }

    /// Waits for room for one more item. Ask for it before the item is read from the network.
    ///
    /// # Errors
    /// If the client has gone, or the pipeline is closed.
    pub async fn acquire(&self) -> Result<AdmissionTicket<K, T>, ApiError> {
        // The slot first, for that keeps nobody else waiting.
        let result_sender = self.results.acquire_sender().await?;
        let reservation = self.permits.reserve().await.map_err(|_| new_shutting_down_error())?;
        Ok(AdmissionTicket { result_sender, reservation })
    }

    /// Room for all items of a call, of so many bytes each, at once.
    ///
    /// # Errors
    /// If there is not as much now.
    pub fn try_reserve_all(&self, sizes: &[usize]) -> Result<Vec<PermitReservation>, ApiError> {
        self.permits.try_reserve_all(sizes).ok_or_else(new_overloaded_error)
    }

    /// Waits for the slot of an item that has its place.
    ///
    /// # Errors
    /// If the client has gone.
    pub async fn acquire_for(&self, reservation: PermitReservation) -> Result<AdmissionTicket<K, T>, ApiError> {
        Ok(AdmissionTicket { result_sender: self.results.acquire_sender().await?, reservation })
    }

    /// Waits until every item has its result and the client has taken it, or has gone.
    pub async fn wait_all_delivered(&self) {
        self.results.wait_all_delivered().await;
    }

    /// Waits until nobody waits for results any more: the client has gone.
    pub async fn wait_abandoned(&self) {
        self.results.wait_abandoned().await;
    }
}

impl<K, T> AdmissionTicket<K, T> {
    /// Waits for room for the item's bytes, and takes on the duty to answer for it.
    ///
    /// # Errors
    /// If the pipeline is closed.
    pub async fn admit(self, key: K, bytes: usize) -> Result<Finalizer<K, T>, ApiError> {
        let permit = self.reservation.acquire_bytes(bytes).await.map_err(|_| new_shutting_down_error())?;
        Ok(Finalizer::new(key, permit, self.result_sender))
    }
}
