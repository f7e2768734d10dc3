//! The lines on their way, and what became of the others.
//!
//! Results come in any order and are counted in the lines' order: a line that has its result waits for those before it.
//! So the counts are always those of a beginning of the input, a run that goes on after it counts nothing twice, and
//! rejected lines are told in their order.

use std::collections::BTreeMap;

use anyhow::anyhow;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::batch::{Line, Place};
use super::reader::End;
use crate::proto::{DocumentResult, DocumentStatus, Rejection};

/// The most lines from the first one without a result, and their bytes. Far more than a server admits at once, so they
/// are a bound on memory and not on speed.
const MAX_LINES: usize = 65_536;
const MAX_BYTES: usize = 64 << 20;

/// Counts of a run, up to a place in its input.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// Lines that other shards have.
    pub other_shards: u64,
    /// Every line of the input up to here is done with.
    pub done: Place,
    /// The server's word: it answered every document of the stream up to this one.
    #[serde(skip)]
    pub durable_through: u64,
}

/// The lines on their way.
#[derive(Debug)]
pub struct Tracker {
    /// By number, from the first one without a result.
    lines: BTreeMap<u64, Entry>,
    /// The numbers of those without a result, by the sequence number that the server gave them.
    waiting: BTreeMap<u64, u64>,
    bytes: usize,
    last_sequence: u64,
    end: Option<End>,
    tally: Tally,
}

#[derive(Debug)]
struct Entry {
    line: Line,
    result: Option<DocumentResult>,
}

impl Tracker {
    /// Goes on from counts.
    pub fn new(tally: Tally) -> Self {
        Self { lines: BTreeMap::new(), waiting: BTreeMap::new(), bytes: 0, last_sequence: 0, end: None, tally }
    }

    /// Whether more lines may be sent.
    pub fn has_room(&self) -> bool {
        self.lines.len() < MAX_LINES && self.bytes < MAX_BYTES
    }

    /// How many lines are without a result.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// The next document is the first one of another stream. Nothing waits for the one before.
    pub fn begin_stream(&mut self) {
        self.last_sequence = 0;
    }

    /// A line whose document is being sent. The server numbers documents as they come, from 1.
    pub fn sent(&mut self, line: Line) {
        self.last_sequence += 1;
        self.waiting.insert(self.last_sequence, line.place.lines);
        self.hold(line, None);
    }

    /// A line that is not sent, because it has no document.
    pub fn refused(&mut self, line: Line, rejection: Rejection) {
        let status = DocumentStatus::Rejected.into();
        self.hold(line, Some(DocumentResult { status, rejection: Some(rejection), ..DocumentResult::default() }));
    }

    /// There are no more lines.
    pub fn ended(&mut self, end: End) {
        self.end = Some(end);
    }

    /// The result of a line that was sent.
    pub fn answered(&mut self, result: DocumentResult) -> anyhow::Result<()> {
        let sequence = result.sequence;
        let number = self.waiting.remove(&sequence);
        let entry = number.and_then(|number| self.lines.get_mut(&number));
        let entry =
            entry.ok_or_else(|| anyhow!("the server gave a result for document {sequence}, which awaits none"))?;
        self.bytes -= entry.line.size();
        // What is no longer needed goes now: the line may have to wait for others.
        entry.line.document = Ok(Bytes::new());
        if !is_rejected(&result) {
            entry.line.text = None;
        }
        self.bytes += entry.line.size();
        entry.result = Some(result);
        Ok(())
    }

    pub fn durable_through(&mut self, sequence: u64) {
        self.tally.durable_through = sequence;
    }

    /// Takes the first line off and counts it, if it has its result; with the rejection, if it is one.
    pub fn settle(&mut self) -> Option<(Line, Option<Rejection>)> {
        let first = self.lines.first_entry().filter(|entry| entry.get().result.is_some())?;
        let Entry { line, result } = first.remove();
        self.bytes -= line.size();
        let rejection = result.and_then(|result| self.tally.count(&line, result));
        Some((line, rejection))
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

    fn hold(&mut self, line: Line, result: Option<DocumentResult>) {
        self.bytes += line.size();
        self.lines.insert(line.place.lines, Entry { line, result });
    }
}

impl Tally {
    /// Of a run that leaves out the first lines.
    pub fn after(lines: u64) -> Self {
        Self { done: Place { lines, ..Place::default() }, ..Self::default() }
    }

    pub fn documents(&self) -> u64 {
        self.indexed + self.unchanged + self.rejected
    }

    fn count(&mut self, line: &Line, result: DocumentResult) -> Option<Rejection> {
        self.done = line.place;
        self.other_shards += line.passed;
        self.windows += u64::from(result.window_count);
        self.tokens += u64::from(result.token_count);
        self.terms += u64::from(result.term_count);
        self.pruned_terms += u64::from(result.pruned_term_count);
        self.truncated += u64::from(result.truncated);
        match result.status() {
            DocumentStatus::Indexed => self.indexed += 1,
            DocumentStatus::Unchanged => self.unchanged += 1,
            DocumentStatus::Rejected | DocumentStatus::Unspecified => {
                self.rejected += 1;
                return Some(result.rejection.unwrap_or_default());
            }
        }
        None
    }
}

fn is_rejected(result: &DocumentResult) -> bool {
    !matches!(result.status(), DocumentStatus::Indexed | DocumentStatus::Unchanged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: u64, size: usize) -> Line {
        let place = Place { lines: number, bytes: number * 10, ..Place::default() };
        Line { place, file: "".into(), number, passed: 1, text: None, document: Ok(Bytes::from(vec![0; size])) }
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

    /// The numbers of the lines that can be taken off, and whether they were rejected.
    fn settled(tracker: &mut Tracker) -> Vec<(u64, bool)> {
        let settled = std::iter::from_fn(|| tracker.settle());
        settled.map(|(line, rejection)| (line.place.lines, rejection.is_some())).collect()
    }

    #[test]
    fn results_in_any_order_are_counted_in_the_order_of_the_lines() {
        let mut tracker = Tracker::new(Tally::after(100));
        for number in [101, 103, 104, 105] {
            tracker.sent(line(number, 1));
        }
        tracker.refused(line(106, 1), Rejection::default());
        let place = Place { lines: 109, bytes: 1095, ..Place::default() };
        tracker.ended(End { place, passed: 2 });
        tracker.answered(indexed(2)).unwrap();
        assert_eq!(settled(&mut tracker), []);
        assert_eq!(tracker.tally(), Tally::after(100));
        tracker.answered(indexed(1)).unwrap();
        assert_eq!(settled(&mut tracker), [(101, false), (103, false)]);
        assert_eq!(tracker.tally().done, Place { lines: 103, bytes: 1030, ..Place::default() });
        let unchanged = DocumentResult { sequence: 4, status: DocumentStatus::Unchanged.into(), ..Default::default() };
        tracker.answered(unchanged).unwrap();
        assert_eq!((tracker.waiting(), tracker.tally().unchanged), (1, 0));
        let rejected = DocumentResult { sequence: 3, status: DocumentStatus::Rejected.into(), ..indexed(3) };
        tracker.answered(rejected).unwrap();
        assert_eq!(settled(&mut tracker), [(104, true), (105, false), (106, true)]);
        let expected = Tally {
            indexed: 2,
            unchanged: 1,
            rejected: 2,
            truncated: 1,
            windows: 12,
            tokens: 15,
            terms: 9,
            pruned_terms: 6,
            other_shards: 7,
            done: place,
            durable_through: 0,
        };
        assert_eq!(tracker.tally(), expected);
    }

    #[test]
    fn a_result_that_nobody_waits_for_is_an_error() {
        let mut tracker = Tracker::new(Tally::default());
        tracker.sent(line(1, 1));
        assert!(tracker.answered(indexed(1)).is_ok());
        assert!(tracker.answered(indexed(1)).is_err());
        assert!(tracker.answered(indexed(7)).is_err());
    }

    #[test]
    fn room_comes_back_with_results() {
        let mut tracker = Tracker::new(Tally::default());
        tracker.sent(line(1, 1));
        tracker.sent(line(2, MAX_BYTES));
        assert!(!tracker.has_room());
        // Though it still waits for the first.
        tracker.answered(indexed(2)).unwrap();
        assert!(tracker.has_room());
        for number in 3..=MAX_LINES as u64 {
            tracker.sent(line(number, 1));
        }
        assert!(!tracker.has_room());
        tracker.answered(indexed(1)).unwrap();
        assert_eq!(settled(&mut tracker).len(), 2);
        assert!(tracker.has_room());
    }
}
