//! Where records go: packed in batches, to whoever sends them.

use std::sync::Arc;

use crate::cli::ingest::input_file::InputFile;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::line_batcher::LineBatcher;
use crate::cli::ingest::reader::input_event::InputEvent;
use crate::cli::ingest::reader::record::Record;
use crate::cli::ingest::shard::ShardFilter;

/// Nobody receives batches any more.
#[derive(Debug)]
pub struct ReceiverClosed;

/// Why reading ends before the input does.
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

/// Where records go, packed in batches.
pub struct EventSink<'a> {
    batcher: LineBatcher,
    /// How many records of other shards came since the last one of this shard.
    other_shard_lines: u64,
    send: &'a mut dyn FnMut(InputEvent) -> bool,
}

impl<'a> EventSink<'a> {
    pub fn new(send: &'a mut dyn FnMut(InputEvent) -> bool) -> Self {
        Self { batcher: LineBatcher::default(), other_shard_lines: 0, send }
    }

    /// Returns how many records of other shards came since the last one of this shard.
    pub fn other_shard_lines(&self) -> u64 {
        self.other_shard_lines
    }

    /// Adds a record, if it is of this shard.
    ///
    /// # Errors
    /// If batches are no longer wanted; so it is with all that sends.
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

    /// Sends remarks about a file.
    pub fn send_file_notices(
        &mut self,
        name: &str,
        notices: impl IntoIterator<Item = String>,
    ) -> Result<(), ReceiverClosed> {
        notices.into_iter().try_for_each(|notice| self.send_notice(format!("{name}: {notice}")))
    }

    /// Sends a remark.
    pub fn send_notice(&mut self, notice: String) -> Result<(), ReceiverClosed> {
        self.send(InputEvent::Notice(notice))
    }

    /// Sends the records that wait for others.
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
