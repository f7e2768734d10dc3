//! Lines that were read and are not done with yet, and the counts of those that are.
//!
//! Every document of a run is an operation with a sequence number, in the order of the lines, that it keeps over all streams.
//! Results come in any order and are counted in the order of the lines: a line that has its final result waits for those
//! before it, and for the server's `durable_through`. So the counts are always those of a beginning of the input, a run
//! that resumes counts nothing twice, and rejected lines are reported once and in their order.
//!
//! A line keeps its document until it is counted. When a stream ends early, the next one begins with the first document that
//! is not counted and is sent every one from there on, in order; results that came for them are forgotten, and come again.
//! A document that has its result is sent again because an earlier line without one may have the same id: sent alone, that
//! older document would replace the newer one. So a reconnect does what a run that resumes from its checkpoint does, and
//! what the client libraries do.

mod message;
mod sequences;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};
use bytes::Bytes;

use self::message::Message;
use self::sequences::Sequences;
use super::line::Line;
use super::read_files::{FileRecords, ReadFiles};
use super::reader::{End, FileEnd};
use super::tally::Tally;
use crate::proto::{ItemError, OperationResult, OperationStatus};

/// Maximum lines from the first one that is not counted on, and their bytes. Far more than a server admits at once, so they
/// bound memory and not speed.
const MAX_LINES: usize = 65_536;
const MAX_BYTES: usize = 64 << 20;

/// The lines that are not counted yet.
#[derive(Debug)]
pub struct Tracker {
    /// By number, from the first one that is not counted.
    lines: BTreeMap<u64, Entry>,
    sequences: Sequences,
    bytes: usize,
    end: Option<End>,
    tally: Tally,
    files: ReadFiles,
}

#[derive(Debug)]
struct Entry {
    line: Line,
    /// `None` if there is no document to send.
    sequence: Option<u64>,
    /// The final result.
    result: Option<OperationResult>,
}

impl Tracker {
    /// Goes on from counts, and in files.
    pub fn new(tally: Tally, files: ReadFiles) -> Self {
        Self { lines: BTreeMap::new(), sequences: Sequences::default(), bytes: 0, end: None, tally, files }
    }

    /// Returns the files of the input.
    pub fn files(&self) -> &ReadFiles {
        &self.files
    }

    /// Takes the end of a file.
    pub fn file_ended(&mut self, end: FileEnd) {
        self.files.end(end);
    }

    /// Notes that all files are read again after so many lines.
    pub fn restart_files(&mut self, lines: u64) {
        self.files.restart(lines);
    }

    /// Returns what a checkpoint records of the files.
    pub fn file_records(&mut self) -> FileRecords {
        self.files.advance(self.lines.keys().next().copied());
        self.files.records(self.tally.done)
    }

    /// Whether more lines may be read.
    pub fn has_room(&self) -> bool {
        self.lines.len() < MAX_LINES && self.bytes < MAX_BYTES
    }

    /// How many documents are not counted, sent or not.
    pub fn pending(&self) -> usize {
        self.sequences.pending()
    }

    /// How many documents are counted. It grows with every progress of the run.
    pub fn acked(&self) -> u64 {
        self.sequences.acked()
    }

    /// Sequence number of the first document that is not counted: where the next stream begins.
    pub fn first_sequence(&self) -> u64 {
        self.sequences.first()
    }

    /// Counts a stream that was opened in place of a failed one.
    pub fn reconnected(&mut self) {
        self.tally.reconnects += 1;
    }

    /// Takes a line. One without a document has its result at once.
    pub fn add(&mut self, line: Line) {
        let result = line.document.as_ref().err().map(|error| OperationResult {
            status: OperationStatus::Rejected.into(),
            error: Some(error.clone()),
            ..OperationResult::default()
        });
        let number = line.place.lines;
        let sequence = result.is_none().then(|| self.sequences.add(number));
        self.bytes += size(&line);
        self.lines.insert(number, Entry { line, sequence, result });
    }

    /// Returns the operations of the next message: the documents that the open stream was not given, in their order.
    pub fn next_message(&mut self) -> Option<Vec<Bytes>> {
        let mut message = Message::default();
        let mut sent = None;
        for (sequence, number) in self.sequences.unsent() {
            let line = self.lines.get(&number).map(|entry| &entry.line);
            let Some(Ok(document)) = line.map(|line| &line.document) else { continue };
            if !message.push(document) {
                break;
            }
            sent = Some(sequence);
        }
        sent.into_iter().for_each(|sequence| self.sequences.note_sent(sequence));
        message.into_operations()
    }

    /// Another stream begins: it is sent all documents that are not counted.
    pub fn restart(&mut self) {
        self.sequences.restart();
        for entry in self.lines.values_mut().filter(|entry| entry.sequence.is_some()) {
            entry.result = None;
        }
    }

    /// There are no more lines.
    pub fn ended(&mut self, end: End) {
        self.end = Some(end);
    }

    /// Takes the result of a document that was sent. Returns the error of one that FAILED, which is not final: the next stream
    /// is sent the document again.
    ///
    /// # Errors
    /// If the server breaks the contract.
    pub fn answered(&mut self, mut result: OperationResult) -> anyhow::Result<Option<ItemError>> {
        let sequence = result.sequence;
        let number = self.sequences.line_of_sent(sequence);
        let entry = number.and_then(|number| self.lines.get_mut(&number)).filter(|entry| entry.result.is_none());
        let entry =
            entry.ok_or_else(|| anyhow!("the server gave a result for operation {sequence}, which awaits none"))?;
        match OperationStatus::try_from(result.status) {
            Ok(OperationStatus::Failed) => return Ok(Some(result.error.take().unwrap_or_default())),
            Ok(
                OperationStatus::Indexed
                | OperationStatus::Rejected
                | OperationStatus::Unchanged
                | OperationStatus::Superseded,
            ) => entry.result = Some(result),
            Ok(OperationStatus::Unspecified | OperationStatus::Deleted) | Err(_) => bail!(
                "the server gave operation {sequence} the status {}, which an upsert can't have; use a command of the \
                 server's release",
                result.status
            ),
        }
        Ok(None)
    }

    /// Takes the server's `durable_through`.
    pub fn durable_through(&mut self, sequence: u64) {
        // A message without results may have none.
        self.tally.durable_through = self.tally.durable_through.max(sequence);
    }

    /// Takes the first line off and counts it, if its result is final; with the error, if it is rejected.
    pub fn settle(&mut self) -> Option<(Line, Option<ItemError>)> {
        let first = self.lines.first_entry()?;
        let Entry { sequence, result, .. } = first.get();
        if result.is_none() || sequence.is_some_and(|sequence| sequence > self.tally.durable_through) {
            return None;
        }
        let Entry { line, sequence, result } = first.remove();
        if let Some(sequence) = sequence {
            self.sequences.remove(sequence);
        }
        self.bytes -= size(&line);
        // A file that ended before this line is finished.
        self.files.advance(Some(line.place.lines));
        self.files.settle(&line);
        let error = result.and_then(|result| self.tally.count(&line, result));
        Some((line, error))
    }

    /// The counts so far.
    pub fn tally(&self) -> Tally {
        let mut tally = self.tally.clone();
        if let Some(End { place, passed }) = self.end.filter(|_| self.lines.is_empty()) {
            tally.done = place;
            tally.other_shards += passed;
        }
        tally
    }
}

/// The memory that a line takes.
fn size(line: &Line) -> usize {
    line.text.as_ref().map_or(0, Vec::len) + line.document.as_ref().map_or(0, Bytes::len)
}
