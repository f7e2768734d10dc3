//! Channel of one client's results, with one slot per result.

use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::result_slots::{ResultSlots, Slot, StallDetector, StreamSlots};
use crate::pipeline::errors::new_shutting_down_error;
use crate::types::ApiError;

/// Result of an item.
#[derive(Debug)]
pub struct ItemResult<K, T> {
    /// Key of the item.
    pub key: K,
    pub outcome: Result<T, ApiError>,
}

/// Slot for one result, with reserved capacity in its client's channel.
#[derive(Debug)]
pub struct ResultSender<K, T> {
    slot: Slot,
    channel_permit: mpsc::OwnedPermit<Delivery<K, T>>,
    sender: mpsc::Sender<Delivery<K, T>>,
}

/// Result on its way to the client, with its slot.
#[derive(Debug)]
pub struct Delivery<K, T> {
    pub result: ItemResult<K, T>,
    /// Slot of the result; drop it when the client has taken the result.
    pub slot: Slot,
}

/// Sending side of one client's results.
#[derive(Debug)]
pub struct ResultChannel<K, T> {
    slots: StreamSlots,
    sender: mpsc::Sender<Delivery<K, T>>,
}

/// Receiving side of one client's results.
#[derive(Debug)]
pub struct ResultReceiver<K, T> {
    receiver: mpsc::Receiver<Delivery<K, T>>,
    stall_detector: StallDetector,
}

impl<K, T> ResultChannel<K, T> {
    /// Opens the channel of a client whose slots come from a shared budget.
    pub fn open(slots: &ResultSlots) -> (Self, ResultReceiver<K, T>) {
        let (sender, receiver) = mpsc::channel(slots.max_per_stream());
        let slots = slots.open_stream();
        let receiver = ResultReceiver { receiver, stall_detector: slots.stall_detector() };
        (Self { slots, sender }, receiver)
    }

    /// Waits for capacity for one more result.
    ///
    /// # Errors
    /// If the client has disconnected.
    pub async fn acquire_sender(&self) -> Result<ResultSender<K, T>, ApiError> {
        let slot = tokio::select! {
            biased;
            () = self.sender.closed() => return Err(new_shutting_down_error()),
            slot = self.slots.acquire() => slot,
        };
        // Does not wait: the channel has as many places as a stream can hold slots.
        let channel_permit = self.sender.clone().reserve_owned().await.map_err(|_| new_shutting_down_error())?;
        Ok(ResultSender { slot, channel_permit, sender: self.sender.clone() })
    }

    /// Waits until the client has taken the result of each acquired slot.
    pub async fn wait_all_delivered(&self) {
        self.slots.wait_all_released().await;
    }

    /// Waits until the client has disconnected.
    pub async fn wait_abandoned(&self) {
        self.sender.closed().await;
    }
}

impl<K, T> ResultSender<K, T> {
    /// Returns true if the client has disconnected.
    pub fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits until the client has disconnected.
    pub async fn wait_abandoned(&self) {
        self.sender.closed().await;
    }

    /// Sends the result to the client. Never waits.
    pub fn send(self, result: ItemResult<K, T>) {
        let Self { mut slot, channel_permit, sender } = self;
        // A message sent to a closed receiver would stay in the channel until the last sender is dropped.
        if !sender.is_closed() {
            slot.mark_waiting();
            channel_permit.send(Delivery { result, slot });
        }
    }
}

impl<K, T> ResultReceiver<K, T> {
    /// Receives the next result and counts it as taken by the client; `None` when there are no more results.
    pub async fn recv(&mut self) -> Option<ItemResult<K, T>> {
        self.receiver.recv().await.map(|delivery| delivery.result)
    }

    /// Receives up to `max` results, which still count as waiting for the client; empty when there are no more results.
    pub fn poll_recv_many(&mut self, context: &mut Context<'_>, max: usize) -> Poll<Vec<Delivery<K, T>>> {
        let mut received = Vec::new();
        self.receiver.poll_recv_many(context, &mut received, max).map(|_count| received)
    }

    /// Returns the detector that reports a client that doesn't take its results.
    pub fn stall_detector(&self) -> StallDetector {
        self.stall_detector.clone()
    }
}
