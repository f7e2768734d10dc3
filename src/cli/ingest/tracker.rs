//! Tracks pending lines, and the counts of the acknowledged ones.
//!
//! Each document of a run is an operation with a sequence number, assigned in input order and kept over all streams. A line is
//! *acknowledged*, and counted, once it has a final result, the server's `durable_through` covers it, and all earlier lines are
//! acknowledged; until then it is *pending*. Results arrive in any order, but the counts always cover a prefix of the input, so a
//! resumed run counts nothing twice, and rejected lines are reported once and in order.
//!
//! A pending line keeps its document. When a stream ends early, its replacement sends all pending documents again in order, and
//! results that already arrived for them are discarded. A document with a result is sent again because an earlier pending
//! document may have the same id: if only that one were sent, the older document would replace the newer one. A reconnect
//! therefore behaves like a run that resumes from a checkpoint, and like the client libraries.
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

/// Maximum number of pending lines. Like [`MAX_PENDING_BYTES`], far more than a server admits at once, so that it limits memory
/// but not throughput.
const MAX_PENDING_LINES: usize = 65_536;

/// Maximum size of the pending lines in bytes.
const MAX_PENDING_BYTES: usize = 64 << 20;

/// Pending lines of a run, with the counts of the acknowledged ones.
#[derive(Debug)]
pub struct Tracker {
    /// Pending lines by their number in the whole input.
    lines: BTreeMap<u64, TrackedLine>,
    sequences: SequenceTracker,
    /// Size of the pending lines.
    bytes: usize,
    input_end: Option<InputEnd>,
    stats: IngestStats,
    files: FileTracker,
}

#[derive(Debug)]
struct TrackedLine {
    line: IngestLine,
    /// Sequence number; `None` for an invalid line, which has no document to send.
    sequence: Option<u64>,
    /// Final result, if it has arrived on the open stream.
    result: Option<OperationResult>,
}

impl Tracker {
    /// Creates a tracker that continues from the counts and files of earlier runs.
    pub fn new(stats: IngestStats, files: FileTracker) -> Self {
        Self { lines: BTreeMap::new(), sequences: SequenceTracker::default(), bytes: 0, input_end: None, stats, files }
    }

    /// Returns the tracker of the input files.
    pub fn files(&self) -> &FileTracker {
        &self.files
    }

    /// Records the end of a file.
    pub fn record_file_end(&mut self, end: FileEnd) {
        self.files.record_end(end);
    }

    /// Records that all files are read again after this number of lines.
    pub fn record_restart(&mut self, lines: u64) {
        self.files.record_restart(lines);
    }

    /// Returns the records of the files for a checkpoint.
    pub fn file_records(&mut self) -> FileRecords {
        self.files.finish_acked(self.lines.keys().next().copied());
        self.files.file_records(self.stats.position)
    }

    /// Returns whether there is capacity for more lines.
    pub fn has_capacity(&self) -> bool {
        self.lines.len() < MAX_PENDING_LINES && self.bytes < MAX_PENDING_BYTES
    }

    /// Returns the number of pending documents, sent or not.
    pub fn pending_count(&self) -> usize {
        self.sequences.pending_count()
    }

    /// Returns the number of acknowledged documents, by which the progress of the run is measured.
    pub fn acked_count(&self) -> u64 {
        self.sequences.acked_count()
    }

    /// Returns the sequence number of the first pending document, with which the next stream starts.
    pub fn first_sequence(&self) -> u64 {
        self.sequences.first_pending()
    }

    /// Counts a stream that replaced a failed one.
    pub fn count_reconnect(&mut self) {
        self.stats.reconnects += 1;
    }

    /// Adds a line. An invalid line is rejected immediately, without being sent.
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

    /// Returns the operations of the next message: the first documents in input order that were not sent on the open stream.
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

    /// Starts another stream: all pending documents are sent again, and their results are discarded.
    pub fn restart_stream(&mut self) {
        self.sequences.restart();
        for entry in self.lines.values_mut().filter(|entry| entry.sequence.is_some()) {
            entry.result = None;
        }
    }

    /// Sets the end of the input, after the last line.
    pub fn set_input_end(&mut self, end: InputEnd) {
        self.input_end = Some(end);
    }

    /// Records the result of a document that was sent. FAILED is not final: its error is returned, and the next stream sends the
    /// document again.
    ///
    /// # Errors
    /// If the result is for an operation without a pending result, or its status is not possible for an upsert.
    pub fn ack(&mut self, mut result: OperationResult) -> anyhow::Result<Option<ItemError>> {
        let sequence = result.sequence;
        let number = self.sequences.find_sent_line(sequence);
        let entry = number.and_then(|number| self.lines.get_mut(&number)).filter(|entry| entry.result.is_none());
        let entry = entry.ok_or_else(|| {
            anyhow!(
                "the server sent an unexpected result for operation {sequence}, which was not sent or has one already"
            )
        })?;
        match OperationStatus::try_from(result.status) {
            Ok(OperationStatus::Failed) => return Ok(Some(result.error.take().unwrap_or_default())),
            Ok(
                OperationStatus::Indexed
                | OperationStatus::Rejected
                | OperationStatus::Unchanged
                | OperationStatus::Superseded,
            ) => entry.result = Some(result),
            Ok(OperationStatus::Unspecified | OperationStatus::Deleted) | Err(_) => bail!(
                "the server sent the status {} for operation {sequence}, which is invalid for an upsert; use the same release \
                 as the server",
                result.status
            ),
        }
        Ok(None)
    }

    /// Advances `durable_through` to the value of a response.
    pub fn advance_durable_through(&mut self, sequence: u64) {
        // It is 0 in responses that don't report it.
        self.stats.durable_through = self.stats.durable_through.max(sequence);
    }

    /// Removes and counts the first pending line if it is acknowledged, and returns it, with the error if it is rejected.
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
        // Files that end before this line are finished, even if they have no lines.
        self.files.finish_acked(Some(line.position.lines));
        self.files.ack(&line);
        let error = result.and_then(|result| self.stats.count_result(&line, result));
        Some((line, error))
    }

    /// Returns the counts of the acknowledged lines.
    pub fn stats(&self) -> IngestStats {
        let mut stats = self.stats.clone();
        if let Some(InputEnd { position, other_shard_lines }) = self.input_end.filter(|_| self.lines.is_empty()) {
            stats.position = position;
            stats.other_shards += other_shard_lines;
        }
        stats
    }
}

/// Returns the memory used by a line in bytes.
fn measure_line_bytes(line: &IngestLine) -> usize {
    line.raw_bytes.as_ref().map_or(0, Vec::len) + line.document.as_ref().map_or(0, Bytes::len)
}
