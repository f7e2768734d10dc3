//! The messages of a stream, on their way to the server.

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::proto::IngestRequest;

/// How many messages wait for the connection to take them.
const CHANNEL_CAPACITY: usize = 2;

/// Where the messages of the open stream go.
#[derive(Default)]
pub struct OutboundStream {
    /// Gone when the last message is sent.
    sender: Option<mpsc::Sender<IngestRequest>>,
    /// A message that waits for a place.
    queued: Option<IngestRequest>,
}

impl OutboundStream {
    /// Begins a stream with a message.
    ///
    /// # Errors
    /// If the stream can't be opened.
    pub async fn open(&mut self, first_message: IngestRequest) -> anyhow::Result<ReceiverStream<IngestRequest>> {
        let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        sender.send(first_message).await.context("the stream can't be opened")?;
        self.sender = Some(sender);
        Ok(ReceiverStream::new(receiver))
    }

    /// Tells whether messages may still be sent.
    pub fn is_open(&self) -> bool {
        self.sender.is_some()
    }

    /// Tells whether a message waits for a place.
    pub fn has_queued_message(&self) -> bool {
        self.queued.is_some()
    }

    /// Tells whether the next message is wanted.
    pub fn needs_message(&self) -> bool {
        self.is_open() && !self.has_queued_message()
    }

    /// Takes the operations of the next message, if there are any.
    pub fn enqueue(&mut self, operations: Option<Vec<Bytes>>) {
        self.queued = operations.map(|operations| IngestRequest { operations, ..IngestRequest::default() });
    }

    /// Sends nothing more behind the message that waits.
    pub fn finish(&mut self) {
        self.sender = None;
    }

    /// Sends nothing more on the open stream. A message that was not sent is made again of the lines.
    pub fn abort(&mut self) {
        (self.sender, self.queued) = (None, None);
    }

    /// Sends the message that waits, when there is a place.
    pub fn send(&mut self) {
        let (Some(sender), Some(message)) = (&self.sender, self.queued.take()) else { return };
        if sender.try_send(message).is_err() {
            // The server takes no more. Its answers say why, and the next stream is sent the message.
            self.sender = None;
        }
    }

    /// Waits until a message can be sent, or will never be.
    pub async fn wait_for_capacity(&self) {
        if let Some(sender) = &self.sender {
            // A permit that is dropped leaves its place free; this task is the only one that fills it.
            drop(sender.reserve().await);
        }
    }
}
