//! Where records go: packed in batches, to whoever sends them.

use std::sync::Arc;

use crate::cli::ingest::batcher::Batcher;
use crate::cli::ingest::input_file::InputFile;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::reader::batch::Batch;
use crate::cli::ingest::reader::record::Record;
use crate::cli::ingest::shard::Part;

/// Nobody receives batches any more.
#[derive(Debug)]
pub struct Unwanted;

/// Why reading ends before the input does.
pub enum ReadError {
    Unwanted,
    Failed(anyhow::Error),
}

impl From<Unwanted> for ReadError {
    fn from(_: Unwanted) -> Self {
        Self::Unwanted
    }
}

impl From<anyhow::Error> for ReadError {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Where records go, packed in batches.
pub struct Outlet<'a> {
    batcher: Batcher,
    /// How many records of other shards came since the last one of this shard.
    passed: u64,
    send: &'a mut dyn FnMut(Batch) -> bool,
}

impl<'a> Outlet<'a> {
    pub fn new(send: &'a mut dyn FnMut(Batch) -> bool) -> Self {
        Self { batcher: Batcher::default(), passed: 0, send }
    }

    /// Returns how many records of other shards came since the last one of this shard.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// Adds a record, if it is of this shard.
    ///
    /// # Errors
    /// If batches are no longer wanted; so it is with all that sends.
    pub fn push(
        &mut self,
        record: Record,
        place: InputPosition,
        file: &Arc<InputFile>,
        part: &Part,
    ) -> Result<(), Unwanted> {
        let Some(line) = record.into_line(place, self.passed, file, part) else {
            self.passed += 1;
            return Ok(());
        };
        self.passed = 0;
        match self.batcher.push(line) {
            Some(lines) => self.send(Batch::Lines(lines)),
            None => Ok(()),
        }
    }

    /// Sends remarks about a file.
    pub fn notice_file(&mut self, name: &str, notices: impl IntoIterator<Item = String>) -> Result<(), Unwanted> {
        notices.into_iter().try_for_each(|notice| self.notice(format!("{name}: {notice}")))
    }

    /// Sends a remark.
    pub fn notice(&mut self, notice: String) -> Result<(), Unwanted> {
        self.send(Batch::Notice(notice))
    }

    /// Sends the records that wait for others.
    pub fn flush(&mut self) -> Result<(), Unwanted> {
        match self.batcher.take() {
            Some(lines) => self.send(Batch::Lines(lines)),
            None => Ok(()),
        }
    }

    pub fn send(&mut self, batch: Batch) -> Result<(), Unwanted> {
        if (self.send)(batch) { Ok(()) } else { Err(Unwanted) }
    }
}
