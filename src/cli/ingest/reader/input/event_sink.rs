//! Sink of the reader's events: batches records and passes events on.

use std::sync::Arc;

use crate::cli::ingest::input_file::InputFile;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::line_batcher::LineBatcher;
use crate::cli::ingest::reader::input_event::InputEvent;
use crate::cli::ingest::reader::record::Record;
use crate::cli::ingest::shard::ShardFilter;

/// Error: the receiver of events was dropped.
#[derive(Debug)]
pub struct ReceiverClosed;

/// Reason for which reading ends early.
pub enum ReadError {
    ReceiverClosed,
    Failed(anyhow::Error),
}

impl From<ReceiverClosed> for ReadError {
    fn from(_: ReceiverClosed) -> Self {
        Self::ReceiverClosed
    }
}

impl From<anyhow::Error> for ReadError {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Sink of the reader's events, which batches records.
pub struct EventSink<'a> {
    batcher: LineBatcher,
    /// Number of records of other shards since the last record of this shard.
    other_shard_lines: u64,
    send: &'a mut dyn FnMut(InputEvent) -> bool,
}

impl<'a> EventSink<'a> {
    pub fn new(send: &'a mut dyn FnMut(InputEvent) -> bool) -> Self {
        Self { batcher: LineBatcher::default(), other_shard_lines: 0, send }
    }

    /// Returns the number of records of other shards since the last record of this shard.
    pub fn other_shard_lines(&self) -> u64 {
        self.other_shard_lines
    }

    /// Adds a record if it belongs to this shard; sends the batch when it is full.
    ///
    /// # Errors
    /// [`ReceiverClosed`] if events are no longer received. The other methods of the sink return the same error.
    pub fn push_record(
        &mut self,
        record: Record,
        position: InputPosition,
        file: &Arc<InputFile>,
        shard_filter: &ShardFilter,
    ) -> Result<(), ReceiverClosed> {
        let Some(line) = record.into_line(position, self.other_shard_lines, file, shard_filter) else {
            self.other_shard_lines += 1;
            return Ok(());
        };
        self.other_shard_lines = 0;
        match self.batcher.push(line) {
            Some(lines) => self.send(InputEvent::Lines(lines)),
            None => Ok(()),
        }
    }

    /// Sends notices about a file.
    pub fn send_file_notices(
        &mut self,
        name: &str,
        notices: impl IntoIterator<Item = String>,
    ) -> Result<(), ReceiverClosed> {
        notices.into_iter().try_for_each(|notice| self.send_notice(format!("{name}: {notice}")))
    }

    /// Sends a notice.
    pub fn send_notice(&mut self, notice: String) -> Result<(), ReceiverClosed> {
        self.send(InputEvent::Notice(notice))
    }

    /// Sends the current batch, if it is not empty.
    pub fn flush(&mut self) -> Result<(), ReceiverClosed> {
        match self.batcher.take_batch() {
            Some(lines) => self.send(InputEvent::Lines(lines)),
            None => Ok(()),
        }
    }

    pub fn send(&mut self, batch: InputEvent) -> Result<(), ReceiverClosed> {
        if (self.send)(batch) { Ok(()) } else { Err(ReceiverClosed) }
    }
}
