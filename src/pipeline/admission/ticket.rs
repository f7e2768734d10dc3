//! Tickets, each of which allows its holder to read one item from the network.
//!
//! A ticket combines two resources. The permit reservation counts against the total in flight and is released when the
//! item has its result. The slot counts against the client's results and is released when the client takes the result,
//! so a client that doesn't read blocks only itself. Streams share a budget of slots ([`ResultSlots`]).

use super::finalizer::Finalizer;
use super::permit::{PermitPool, PermitReservation};
use super::result_slots::ResultSlots;
use super::results::{ResultChannel, ResultReceiver, ResultSender};
use crate::pipeline::errors::{new_overloaded_error, new_shutting_down_error};
use crate::types::ApiError;

/// Capacity for one item and its result.
#[derive(Debug)]
pub struct AdmissionTicket<K, T> {
    result_sender: ResultSender<K, T>,
    reservation: PermitReservation,
}

/// Source of one client's tickets.
#[derive(Debug)]
pub struct TicketIssuer<K, T> {
    permits: PermitPool,
    results: ResultChannel<K, T>,
}

impl<K, T> TicketIssuer<K, T> {
    /// Creates the issuer of a client with its own `max_slots` result slots, and the receiver of its results.
    pub fn new(permits: PermitPool, max_slots: usize) -> (Self, ResultReceiver<K, T>) {
        Self::with_shared_slots(permits, &ResultSlots::new(max_slots))
    }

    /// Creates the issuer of a client whose slots come from a shared budget, and the receiver of its results.
    pub fn with_shared_slots(permits: PermitPool, slots: &ResultSlots) -> (Self, ResultReceiver<K, T>) {
        let (results, receiver) = ResultChannel::open(slots);
        (Self { permits, results }, receiver)
    }

    /// Waits for capacity for one more item. Call this before the item is read from the network.
    ///
    /// # Errors
    /// `ShuttingDown` if the client has disconnected or the pipeline is closed.
    pub async fn acquire(&self) -> Result<AdmissionTicket<K, T>, ApiError> {
        // The slot first: waiting for it must not hold a permit that another client could use.
        let result_sender = self.results.acquire_sender().await?;
        let reservation = self.permits.reserve().await.map_err(|_| new_shutting_down_error())?;
        Ok(AdmissionTicket { result_sender, reservation })
    }

    /// Reserves permits for all items of a call, of the given sizes in bytes, without waiting.
    ///
    /// # Errors
    /// `Overloaded` if there are not enough permits.
    pub fn try_reserve_all(&self, sizes: &[usize]) -> Result<Vec<PermitReservation>, ApiError> {
        self.permits.try_reserve_all(sizes).ok_or_else(new_overloaded_error)
    }

    /// Waits for the result slot of an item that already has a reservation.
    ///
    /// # Errors
    /// `ShuttingDown` if the client has disconnected.
    pub async fn acquire_for(&self, reservation: PermitReservation) -> Result<AdmissionTicket<K, T>, ApiError> {
        Ok(AdmissionTicket { result_sender: self.results.acquire_sender().await?, reservation })
    }

    /// Waits until each item has its result and the client has taken it or disconnected.
    pub async fn wait_all_delivered(&self) {
        self.results.wait_all_delivered().await;
    }

    /// Waits until the client has disconnected.
    pub async fn wait_abandoned(&self) {
        self.results.wait_abandoned().await;
    }
}

impl<K, T> AdmissionTicket<K, T> {
    /// Waits for the item's bytes, and returns the finalizer, which must report the result of the item.
    ///
    /// # Errors
    /// `ShuttingDown` if the pipeline is closed.
    pub async fn admit(self, key: K, bytes: usize) -> Result<Finalizer<K, T>, ApiError> {
        let permit = self.reservation.acquire_bytes(bytes).await.map_err(|_| new_shutting_down_error())?;
        Ok(Finalizer::new(key, permit, self.result_sender))
    }
}
