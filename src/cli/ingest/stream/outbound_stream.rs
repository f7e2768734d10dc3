//! The request side of a stream.

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::proto::IngestRequest;

/// Maximum number of messages that wait for the connection. Flow control of the connection provides the backpressure.
const CHANNEL_CAPACITY: usize = 2;

/// Sends the messages of the open stream, with at most one message queued in front of a full channel.
#[derive(Default)]
pub struct OutboundStream {
    /// `None` once no more messages are sent, which ends the request stream.
    sender: Option<mpsc::Sender<IngestRequest>>,
    /// Message that waits for capacity in the channel.
    queued: Option<IngestRequest>,
}

impl OutboundStream {
    /// Opens a stream with its first message and returns the request stream for the call.
    ///
    /// # Errors
    /// If the channel is closed, which can't happen while this function holds its receiver.
    pub async fn open(&mut self, first_message: IngestRequest) -> anyhow::Result<ReceiverStream<IngestRequest>> {
        let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        sender.send(first_message).await.context("the stream can't be opened")?;
        self.sender = Some(sender);
        Ok(ReceiverStream::new(receiver))
    }

    /// Returns whether messages can still be sent.
    pub fn is_open(&self) -> bool {
        self.sender.is_some()
    }

    /// Returns whether a message waits for capacity.
    pub fn has_queued_message(&self) -> bool {
        self.queued.is_some()
    }

    /// Returns whether the next message can be queued.
    pub fn needs_message(&self) -> bool {
        self.is_open() && !self.has_queued_message()
    }

    /// Queues the next message; does nothing without operations.
    pub fn enqueue(&mut self, operations: Option<Vec<Bytes>>) {
        self.queued = operations.map(|operations| IngestRequest { operations, ..IngestRequest::default() });
    }

    /// Ends the request stream after the messages in the channel. Must not be called while a message is queued.
    pub fn finish(&mut self) {
        self.sender = None;
    }

    /// Ends the request stream and discards the queued message; its documents stay pending and are sent again.
    pub fn abort(&mut self) {
        (self.sender, self.queued) = (None, None);
    }

    /// Sends the queued message; called once there is capacity.
    pub fn send(&mut self) {
        let (Some(sender), Some(message)) = (&self.sender, self.queued.take()) else { return };
        if sender.try_send(message).is_err() {
            // The server closed the request side. Its responses have the reason, and the next stream sends the documents.
            self.sender = None;
        }
    }

    /// Waits until there is capacity for a message, or the channel is closed.
    pub async fn wait_for_capacity(&self) {
        if let Some(sender) = &self.sender {
            // Dropping the permit keeps the capacity free, because only this task sends to the channel.
            drop(sender.reserve().await);
        }
    }
}
