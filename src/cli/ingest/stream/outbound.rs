//! The messages of a stream, on their way to the server.

use anyhow::Context;
use bytes::Bytes;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::proto::IngestRequest;

/// How many messages wait for the connection to take them.
const OUTBOUND: usize = 2;

/// Where the messages of the open stream go.
#[derive(Default)]
pub struct Outbound {
    /// Gone when the last message is sent.
    sender: Option<mpsc::Sender<IngestRequest>>,
    /// A message that waits for a place.
    ready: Option<IngestRequest>,
}

impl Outbound {
    /// Begins a stream with a message.
    ///
    /// # Errors
    /// If the stream can't be opened.
    pub async fn open(&mut self, opening: IngestRequest) -> anyhow::Result<ReceiverStream<IngestRequest>> {
        let (sender, receiver) = mpsc::channel(OUTBOUND);
        sender.send(opening).await.context("the stream can't be opened")?;
        self.sender = Some(sender);
        Ok(ReceiverStream::new(receiver))
    }

    /// Tells whether messages may still be sent.
    pub fn is_open(&self) -> bool {
        self.sender.is_some()
    }

    /// Tells whether a message waits for a place.
    pub fn has_message(&self) -> bool {
        self.ready.is_some()
    }

    /// Tells whether the next message is wanted.
    pub fn wants_message(&self) -> bool {
        self.is_open() && !self.has_message()
    }

    /// Takes the operations of the next message, if there are any.
    pub fn prepare(&mut self, operations: Option<Vec<Bytes>>) {
        self.ready = operations.map(|operations| IngestRequest { operations, ..IngestRequest::default() });
    }

    /// Sends nothing more behind the message that waits.
    pub fn end(&mut self) {
        self.sender = None;
    }

    /// Sends nothing more on the open stream. A message that was not sent is made again of the lines.
    pub fn close(&mut self) {
        (self.sender, self.ready) = (None, None);
    }

    /// Sends the message that waits, when there is a place.
    pub fn send(&mut self) {
        let (Some(sender), Some(message)) = (&self.sender, self.ready.take()) else { return };
        if sender.try_send(message).is_err() {
            // The server takes no more. Its answers say why, and the next stream is sent the message.
            self.sender = None;
        }
    }

    /// Waits until a message can be sent, or will never be.
    pub async fn wait_for_place(&self) {
        if let Some(sender) = &self.sender {
            // A permit that is dropped leaves its place free; this task is the only one that fills it.
            drop(sender.reserve().await);
        }
    }
}
