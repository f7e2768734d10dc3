//! The results of one client on their way back to it, each in a slot of its own.

use std::task::{Context, Poll};

use tokio::sync::mpsc;

use super::result_slots::{ResultSlots, Slot, StallDetector, StreamSlots};
use crate::pipeline::errors::new_shutting_down_error;
use crate::types::ApiError;

/// An item's result.
#[derive(Debug)]
pub struct ItemResult<K, T> {
    /// Which item.
    pub key: K,
    pub outcome: Result<T, ApiError>,
}

/// Room for one result, and the way to its client.
#[derive(Debug)]
pub struct ResultSender<K, T> {
    slot: Slot,
    channel_permit: mpsc::OwnedPermit<Delivery<K, T>>,
    sender: mpsc::Sender<Delivery<K, T>>,
}

/// A result on its way to the client, with its slot.
#[derive(Debug)]
pub struct Delivery<K, T> {
    pub result: ItemResult<K, T>,
    /// To be dropped when the client has taken the result.
    pub slot: Slot,
}

/// The sending end of one client's results.
#[derive(Debug)]
pub struct ResultChannel<K, T> {
    slots: StreamSlots,
    sender: mpsc::Sender<Delivery<K, T>>,
}

/// Receives one client's results.
#[derive(Debug)]
pub struct ResultReceiver<K, T> {
    receiver: mpsc::Receiver<Delivery<K, T>>,
    stall_detector: StallDetector,
}

impl<K, T> ResultChannel<K, T> {
    /// Opens the channel of a client whose slots are of a shared budget.
    pub fn open(slots: &ResultSlots) -> (Self, ResultReceiver<K, T>) {
        let (sender, receiver) = mpsc::channel(slots.max_per_stream());
        let slots = slots.open_stream();
        let receiver = ResultReceiver { receiver, stall_detector: slots.stall_detector() };
        (Self { slots, sender }, receiver)
    }

    /// Waits for room for one more result.
    ///
    /// # Errors
    /// If the client has gone.
    pub async fn acquire_sender(&self) -> Result<ResultSender<K, T>, ApiError> {
        let slot = tokio::select! {
            biased;
            () = self.sender.closed() => return Err(new_shutting_down_error()),
            slot = self.slots.acquire() => slot,
        };
        // Does not wait: a stream never holds more slots than the channel has room for.
        let channel_permit = self.sender.clone().reserve_owned().await.map_err(|_| new_shutting_down_error())?;
        Ok(ResultSender { slot, channel_permit, sender: self.sender.clone() })
    }

    /// Waits until the client has taken the result of every slot that was given.
    pub async fn wait_all_delivered(&self) {
        self.slots.wait_all_released().await;
    }

    /// Waits until the client has gone.
    pub async fn wait_abandoned(&self) {
        self.sender.closed().await;
    }
}

impl<K, T> ResultSender<K, T> {
    /// Whether nobody waits for the result any more.
    pub fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits until nobody waits for the result any more.
    pub async fn wait_abandoned(&self) {
        self.sender.closed().await;
    }

    /// Sends the result to the client. Never waits.
    pub fn send(self, result: ItemResult<K, T>) {
        let Self { mut slot, channel_permit, sender } = self;
        // What is sent to a receiver that is gone would be kept until the last sender is gone too.
        if !sender.is_closed() {
            slot.mark_waiting();
            channel_permit.send(Delivery { result, slot });
        }
    }
}

impl<K, T> ResultReceiver<K, T> {
    /// Receives the next result, which counts as taken by the client; `None` when there will be no more.
    pub async fn recv(&mut self) -> Option<ItemResult<K, T>> {
        self.receiver.recv().await.map(|delivery| delivery.result)
    }

    /// Receives up to `max` results that the client has not taken yet; none when there will be no more.
    pub fn poll_recv_many(&mut self, context: &mut Context<'_>, max: usize) -> Poll<Vec<Delivery<K, T>>> {
        let mut received = Vec::new();
        self.receiver.poll_recv_many(context, &mut received, max).map(|_count| received)
    }

    /// Returns the clock that tells whether the client takes its results.
    pub fn stall_detector(&self) -> StallDetector {
        self.stall_detector.clone()
    }
}
