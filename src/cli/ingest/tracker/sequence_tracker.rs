//! Sequence numbers of documents.

use std::collections::BTreeMap;

/// The documents that are not counted yet. A document keeps its number over all streams.
#[derive(Debug, Default)]
pub struct SequenceTracker {
    /// Numbers of the lines that have a document, by its sequence number.
    documents: BTreeMap<u64, u64>,
    /// Sequence number of the last document that was read.
    last: u64,
    /// The open stream was given all documents up to this one.
    sent_through: u64,
}

impl SequenceTracker {
    /// Takes the document of a line. Returns its number.
    pub fn add(&mut self, line: u64) -> u64 {
        self.last += 1;
        self.documents.insert(self.last, line);
        self.last
    }

    /// Forgets a document that is counted.
    pub fn remove(&mut self, sequence: u64) {
        self.documents.remove(&sequence);
    }

    /// Returns how many documents are not counted, sent or not.
    pub fn pending_count(&self) -> usize {
        self.documents.len()
    }

    /// Returns how many documents are counted.
    pub fn acked_count(&self) -> u64 {
        self.last - self.documents.len() as u64
    }

    /// Returns the number of the first document that is not counted.
    pub fn first_pending(&self) -> u64 {
        self.acked_count() + 1
    }

    /// Returns the documents that the open stream was not given, with the numbers of their lines.
    pub fn unsent(&self) -> impl Iterator<Item = (u64, u64)> {
        self.documents.range(self.sent_through + 1..).map(|(&sequence, &line)| (sequence, line))
    }

    /// Notes that the open stream is given all documents up to this one.
    pub fn mark_sent_through(&mut self, sequence: u64) {
        self.sent_through = sequence;
    }

    /// Begins another stream, which is given all documents that are not counted.
    pub fn restart(&mut self) {
        self.sent_through = self.acked_count();
    }

    /// Returns the line of a document that the open stream was given.
    pub fn find_sent_line(&self, sequence: u64) -> Option<u64> {
        self.documents.get(&sequence).copied().filter(|_| sequence <= self.sent_through)
    }
}
