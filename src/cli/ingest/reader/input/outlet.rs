//! Where records go: packed in batches, to whoever sends them.

use std::sync::Arc;

use super::super::{Batch, Record};
use crate::cli::ingest::batcher::Batcher;
use crate::cli::ingest::input_file::InputFile;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::shard::Part;

/// Nobody receives batches any more.
#[derive(Debug)]
pub struct Unwanted;

/// Where records go, packed in batches.
pub struct Outlet<'a> {
    pub batcher: Batcher,
    /// How many records of other shards came since the last one of this shard.
    pub passed: u64,
    pub send: &'a mut dyn FnMut(Batch) -> bool,
}

impl Outlet<'_> {
    /// Adds a record, if it is of this shard.
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
    pub fn notice(&mut self, name: &str, notices: impl IntoIterator<Item = String>) -> Result<(), Unwanted> {
        notices.into_iter().try_for_each(|notice| self.send(Batch::Notice(format!("{name}: {notice}"))))
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
