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
//!
//! See docs/adr/0053-ingest-results-in-input-order.md.

mod operation_batch;
mod sequence_tracker;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};
use bytes::Bytes;

use self::operation_batch::OperationBatch;
use self::sequence_tracker::SequenceTracker;
use super::file_tracker::{FileRecords, FileTracker};
use super::ingest_line::IngestLine;
use super::ingest_stats::IngestStats;
use super::reader::{FileEnd, InputEnd};
use crate::proto::{ItemError, OperationResult, OperationStatus};

/// Maximum lines from the first one that is not counted on, and their bytes. Far more than a server admits at once, so they
/// bound memory and not speed.
const MAX_PENDING_LINES: usize = 65_536;
const MAX_PENDING_BYTES: usize = 64 << 20;

/// The lines that are not counted yet.
#[derive(Debug)]
pub struct Tracker {
    /// By number, from the first one that is not counted.
    lines: BTreeMap<u64, TrackedLine>,
    sequences: SequenceTracker,
    bytes: usize,
    input_end: Option<InputEnd>,
    stats: IngestStats,
    files: FileTracker,
}

#[derive(Debug)]
struct TrackedLine {
    line: IngestLine,
    /// `None` if there is no document to send.
    sequence: Option<u64>,
    /// The final result.
    result: Option<OperationResult>,
}

impl Tracker {
    /// Goes on from counts, and in files.
    pub fn new(stats: IngestStats, files: FileTracker) -> Self {
        Self { lines: BTreeMap::new(), sequences: SequenceTracker::default(), bytes: 0, input_end: None, stats, files }
    }

    /// Returns the files of the input.
    pub fn files(&self) -> &FileTracker {
        &self.files
    }

    /// Takes the end of a file.
    pub fn record_file_end(&mut self, end: FileEnd) {
        self.files.record_end(end);
    }

    /// Notes that all files are read again after so many lines.
    pub fn record_restart(&mut self, lines: u64) {
        self.files.record_restart(lines);
    }

    /// Returns what a checkpoint records of the files.
    pub fn file_records(&mut self) -> FileRecords {
        self.files.finish_acked(self.lines.keys().next().copied());
        self.files.file_records(self.stats.position)
    }

    /// Whether more lines may be read.
    pub fn has_capacity(&self) -> bool {
        self.lines.len() < MAX_PENDING_LINES && self.bytes < MAX_PENDING_BYTES
    }

    /// How many documents are not counted, sent or not.
    pub fn pending_count(&self) -> usize {
        self.sequences.pending_count()
    }

    /// How many documents are counted. It grows with every progress of the run.
    pub fn acked_count(&self) -> u64 {
        self.sequences.acked_count()
    }

    /// Sequence number of the first document that is not counted: where the next stream begins.
    pub fn first_sequence(&self) -> u64 {
        self.sequences.first_pending()
    }

    /// Counts a stream that was opened in place of a failed one.
    pub fn count_reconnect(&mut self) {
        self.stats.reconnects += 1;
    }

    /// Takes a line. One without a document has its result at once.
    pub fn add(&mut self, line: IngestLine) {
        let result = line.document.as_ref().err().map(|error| OperationResult {
            status: OperationStatus::Rejected.into(),
            error: Some(error.clone()),
            ..OperationResult::default()
        });
        let number = line.position.lines;
        let sequence = result.is_none().then(|| self.sequences.add(number));
        self.bytes += measure_line_bytes(&line);
        self.lines.insert(number, TrackedLine { line, sequence, result });
    }

    /// Returns the operations of the next message: the documents that the open stream was not given, in their order.
    pub fn next_message(&mut self) -> Option<Vec<Bytes>> {
        let mut batch = OperationBatch::default();
        let mut last_sequence = None;
        for (sequence, number) in self.sequences.unsent() {
            let line = self.lines.get(&number).map(|entry| &entry.line);
            let Some(Ok(document)) = line.map(|line| &line.document) else { continue };
            if !batch.push(document) {
                break;
            }
            last_sequence = Some(sequence);
        }
        last_sequence.into_iter().for_each(|sequence| self.sequences.mark_sent_through(sequence));
        batch.into_operations()
    }

    /// Another stream begins: it is sent all documents that are not counted.
    pub fn restart_stream(&mut self) {
        self.sequences.restart();
        for entry in self.lines.values_mut().filter(|entry| entry.sequence.is_some()) {
            entry.result = None;
        }
    }

    /// There are no more lines.
    pub fn set_input_end(&mut self, end: InputEnd) {
        self.input_end = Some(end);
    }

    /// Takes the result of a document that was sent. Returns the error of one that FAILED, which is not final: the next stream
    /// is sent the document again.
    ///
    /// # Errors
    /// If the server breaks the contract.
    pub fn ack(&mut self, mut result: OperationResult) -> anyhow::Result<Option<ItemError>> {
        let sequence = result.sequence;
        let number = self.sequences.find_sent_line(sequence);
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
    pub fn advance_durable_through(&mut self, sequence: u64) {
        // A message without results may have none.
        self.stats.durable_through = self.stats.durable_through.max(sequence);
    }

    /// Takes the first line off and counts it, if its result is final; with the error, if it is rejected.
    pub fn pop_acked(&mut self) -> Option<(IngestLine, Option<ItemError>)> {
        let first = self.lines.first_entry()?;
        let TrackedLine { sequence, result, .. } = first.get();
        if result.is_none() || sequence.is_some_and(|sequence| sequence > self.stats.durable_through) {
            return None;
        }
        let TrackedLine { line, sequence, result } = first.remove();
        if let Some(sequence) = sequence {
            self.sequences.remove(sequence);
        }
        self.bytes -= measure_line_bytes(&line);
        // A file that ended before this line is finished.
        self.files.finish_acked(Some(line.position.lines));
        self.files.ack(&line);
        let error = result.and_then(|result| self.stats.count_result(&line, result));
        Some((line, error))
    }

    /// The counts so far.
    pub fn stats(&self) -> IngestStats {
        let mut stats = self.stats.clone();
        if let Some(InputEnd { position: place, other_shard_lines: passed }) =
            self.input_end.filter(|_| self.lines.is_empty())
        {
            stats.position = place;
            stats.other_shards += passed;
        }
        stats
    }
}

/// The memory that a line takes.
fn measure_line_bytes(line: &IngestLine) -> usize {
    line.raw_bytes.as_ref().map_or(0, Vec::len) + line.document.as_ref().map_or(0, Bytes::len)
}
