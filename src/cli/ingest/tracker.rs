//! Which lines wait for their result, and what became of the others.

use std::collections::BTreeMap;

use anyhow::anyhow;

use super::batch::Line;
use crate::proto::{DocumentResult, DocumentStatus, Rejection};

/// The most lines without a result, and their bytes. Far more than a server admits at once, so they are a bound on
/// memory and not on speed.
const MAX_LINES: usize = 65_536;
const MAX_BYTES: usize = 64 << 20;

/// Counts of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    pub indexed: u64,
    /// Left as they were stored.
    pub unchanged: u64,
    pub rejected: u64,
    pub truncated: u64,
    /// One each document, more of those that were encoded as windows.
    pub windows: u64,
    pub tokens: u64,
    pub terms: u64,
    pub pruned_terms: u64,
    /// The server's word: it answered every document of the stream up to this one.
    pub durable_through: u64,
    /// Every line of the input up to this one is done with.
    pub done_through_line: u64,
}

/// The lines on their way.
#[derive(Debug)]
pub struct Tracker {
    waiting: BTreeMap<u64, Line>,
    waiting_bytes: usize,
    last_sequence: u64,
    last_line: u64,
    tally: Tally,
}

impl Tracker {
    /// Begins after `skipped` lines.
    pub fn new(skipped: u64) -> Self {
        Self {
            waiting: BTreeMap::new(),
            waiting_bytes: 0,
            last_sequence: 0,
            last_line: skipped,
            tally: Tally::default(),
        }
    }

    /// Whether more lines may be sent.
    pub fn has_room(&self) -> bool {
        self.waiting.len() < MAX_LINES && self.waiting_bytes < MAX_BYTES
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// A line whose document is being sent. The server numbers documents as they come, from 1.
    pub fn sent(&mut self, line: Line) {
        self.last_line = line.number;
        self.last_sequence += 1;
        self.waiting_bytes += line.size();
        self.waiting.insert(self.last_sequence, line);
    }

    /// A line that is not sent, because it has no document.
    pub fn refused(&mut self, line: &Line) {
        self.last_line = line.number;
        self.tally.rejected += 1;
    }

    /// A result: gives back its line, and the rejection if it is one.
    pub fn answered(&mut self, result: DocumentResult) -> anyhow::Result<(Line, Option<Rejection>)> {
        let sequence = result.sequence;
        let line = self.waiting.remove(&sequence);
        let line =
            line.ok_or_else(|| anyhow!("the server gave a result for document {sequence}, which awaits none"))?;
        self.waiting_bytes -= line.size();
        self.tally.windows += u64::from(result.window_count);
        self.tally.tokens += u64::from(result.token_count);
        self.tally.terms += u64::from(result.term_count);
        self.tally.pruned_terms += u64::from(result.pruned_term_count);
        self.tally.truncated += u64::from(result.truncated);
        match result.status() {
            DocumentStatus::Indexed => self.tally.indexed += 1,
            DocumentStatus::Unchanged => self.tally.unchanged += 1,
            DocumentStatus::Rejected | DocumentStatus::Unspecified => {
                self.tally.rejected += 1;
                return Ok((line, Some(result.rejection.unwrap_or_default())));
            }
        }
        Ok((line, None))
    }

    pub fn durable_through(&mut self, sequence: u64) {
        self.tally.durable_through = sequence;
    }

    /// The counts so far.
    pub fn tally(&self) -> Tally {
        // Whatever comes before the first line that waits is done with, and if none waits, all that was seen.
        let first_waiting = self.waiting.first_key_value().map(|(_, line)| line.number - 1);
        Tally { done_through_line: first_waiting.unwrap_or(self.last_line), ..self.tally.clone() }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn line(number: u64, size: usize) -> Line {
        Line { number, offset: number * 10, text: None, document: Ok(Bytes::from(vec![0; size])) }
    }

    fn indexed(sequence: u64) -> DocumentResult {
        let status = DocumentStatus::Indexed.into();
        DocumentResult {
            sequence,
            status,
            token_count: 5,
            truncated: sequence == 1,
            window_count: 4,
            term_count: 3,
            pruned_term_count: 2,
            ..DocumentResult::default()
        }
    }

    #[test]
    fn results_in_any_order_find_their_lines() {
        let mut tracker = Tracker::new(100);
        assert_eq!(tracker.tally().done_through_line, 100);
        for number in [101, 103, 104, 105] {
            tracker.sent(line(number, 1));
        }
        tracker.refused(&line(106, 1));
        assert_eq!(tracker.answered(indexed(2)).unwrap().0.number, 103);
        assert_eq!(tracker.tally().done_through_line, 100);
        assert_eq!(tracker.answered(indexed(1)).unwrap().0.number, 101);
        assert_eq!(tracker.tally().done_through_line, 103);
        let rejected = DocumentResult { sequence: 3, status: DocumentStatus::Rejected.into(), ..indexed(3) };
        assert!(tracker.answered(rejected).unwrap().1.is_some());
        let unchanged = DocumentResult { sequence: 4, status: DocumentStatus::Unchanged.into(), ..Default::default() };
        assert_eq!(tracker.answered(unchanged).unwrap().1, None);
        let expected = Tally {
            indexed: 2,
            unchanged: 1,
            rejected: 2,
            truncated: 1,
            windows: 12,
            tokens: 15,
            terms: 9,
            pruned_terms: 6,
            durable_through: 0,
            done_through_line: 106,
        };
        assert_eq!(tracker.tally(), expected);
    }

    #[test]
    fn a_result_that_nobody_waits_for_is_an_error() {
        let mut tracker = Tracker::new(0);
        tracker.sent(line(1, 1));
        assert!(tracker.answered(indexed(1)).is_ok());
        assert!(tracker.answered(indexed(1)).is_err());
        assert!(tracker.answered(indexed(7)).is_err());
    }

    #[test]
    fn room_comes_back_with_results() {
        let mut tracker = Tracker::new(0);
        tracker.sent(line(1, MAX_BYTES));
        assert!(!tracker.has_room());
        tracker.answered(indexed(1)).unwrap();
        assert!(tracker.has_room());
    }
}
