//! Assigns sequence numbers to documents, and tracks which were sent on the open stream.

use std::collections::BTreeMap;

/// Sequence numbers of the pending documents. A document keeps its number over all streams.
#[derive(Debug, Default)]
pub struct SequenceTracker {
    /// Line numbers of the pending documents, by sequence number.
    documents: BTreeMap<u64, u64>,
    /// Sequence number of the last document that was added.
    last: u64,
    /// Sequence number up to which all documents were sent on the open stream.
    sent_through: u64,
}

impl SequenceTracker {
    /// Adds the document of a line and returns its sequence number.
    pub fn add(&mut self, line: u64) -> u64 {
        self.last += 1;
        self.documents.insert(self.last, line);
        self.last
    }

    /// Removes an acknowledged document.
    pub fn remove(&mut self, sequence: u64) {
        self.documents.remove(&sequence);
    }

    /// Returns the number of pending documents, sent or not.
    pub fn pending_count(&self) -> usize {
        self.documents.len()
    }

    /// Returns the number of acknowledged documents.
    pub fn acked_count(&self) -> u64 {
        self.last - self.documents.len() as u64
    }

    /// Returns the sequence number of the first pending document.
    pub fn first_pending(&self) -> u64 {
        self.acked_count() + 1
    }

    /// Returns the sequence and line numbers of the documents that were not sent on the open stream.
    pub fn unsent(&self) -> impl Iterator<Item = (u64, u64)> {
        self.documents.range(self.sent_through + 1..).map(|(&sequence, &line)| (sequence, line))
    }

    /// Records that all documents up to this one were sent on the open stream.
    pub fn mark_sent_through(&mut self, sequence: u64) {
        self.sent_through = sequence;
    }

    /// Starts another stream, on which all pending documents are sent.
    pub fn restart(&mut self) {
        self.sent_through = self.acked_count();
    }

    /// Returns the line of a pending document that was sent on the open stream.
    pub fn find_sent_line(&self, sequence: u64) -> Option<u64> {
        self.documents.get(&sequence).copied().filter(|_| sequence <= self.sent_through)
    }
}
