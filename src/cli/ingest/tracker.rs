//! Lines that were read and have no final result yet, and the counts of those that have one.
//!
//! Results come in any order and are counted in the order of the lines: a line that has its result waits for those before
//! it. So the counts are always those of a beginning of the input, a run that resumes counts nothing twice, and rejected
//! lines are reported in their order.
//!
//! A line keeps its document until it is counted. When a stream breaks, the next one is sent every document that is not
//! counted, in the order of the lines, and their results are forgotten, but for those of rejected documents, which changed
//! nothing. A document that has its result is sent again because an earlier line without one may have the same id: sent
//! alone, that older document would replace the newer one. So a reconnect does what a run that resumes from its checkpoint
//! does, and what the client libraries do.

use std::collections::BTreeMap;

use anyhow::anyhow;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::batch::{Line, MAX_BYTES as MAX_MESSAGE_BYTES, MAX_LINES as MAX_MESSAGE_DOCUMENTS, Place};
use super::reader::End;
use crate::proto::{DocumentResult, DocumentStatus, Rejection};

/// Maximum lines from the first one without a result on, and their bytes. Far more than a server admits at once, so they
/// bound memory and not speed.
const MAX_LINES: usize = 65_536;
const MAX_BYTES: usize = 64 << 20;

/// Counts of a run, up to a place in its input.
// Checkpoints hold it: the names are part of their format, whatever the fields are called. A count that is added needs
// `#[serde(default)]`, so that files without it stay readable.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    #[serde(rename = "indexed")]
    pub indexed: u64,
    /// Left as they were stored.
    #[serde(rename = "unchanged")]
    pub unchanged: u64,
    #[serde(rename = "rejected")]
    pub rejected: u64,
    #[serde(rename = "truncated")]
    pub truncated: u64,
    /// One each document, more of those that were encoded as windows.
    #[serde(rename = "windows")]
    pub windows: u64,
    #[serde(rename = "tokens")]
    pub tokens: u64,
    #[serde(rename = "terms")]
    pub terms: u64,
    #[serde(rename = "pruned_terms")]
    pub pruned_terms: u64,
    /// Lines that other shards have.
    #[serde(rename = "other_shards")]
    pub other_shards: u64,
    /// Every line of the input up to here is done with.
    #[serde(rename = "done")]
    pub done: Place,
    /// The server's word: it answered every document of the stream up to this one.
    #[serde(skip)]
    pub durable_through: u64,
    /// Streams of this run that were opened after one broke.
    #[serde(skip)]
    pub reconnects: u64,
}

/// The lines that are not counted yet.
#[derive(Debug)]
pub struct Tracker {
    /// By number, from the first one that is not counted.
    lines: BTreeMap<u64, Entry>,
    /// Numbers of the lines that the open stream was given and that have no result, by the sequence number that the server
    /// gave them.
    waiting: BTreeMap<u64, u64>,
    /// The open stream was given all documents before this line.
    next_unsent: u64,
    /// Documents without a result that the open stream was not given yet.
    unsent: usize,
    bytes: usize,
    last_sequence: u64,
    /// Documents that the server answered and that are counted.
    acked: u64,
    end: Option<End>,
    tally: Tally,
}

#[derive(Debug)]
struct Entry {
    line: Line,
    /// Whether there was a document to send.
    is_document: bool,
    result: Option<DocumentResult>,
}

impl Tracker {
    /// Goes on from counts.
    pub fn new(tally: Tally) -> Self {
        Self {
            lines: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next_unsent: 0,
            unsent: 0,
            bytes: 0,
            last_sequence: 0,
            acked: 0,
            end: None,
            tally,
        }
    }

    /// Whether more lines may be read.
    pub fn has_room(&self) -> bool {
        self.lines.len() < MAX_LINES && self.bytes < MAX_BYTES
    }

    /// How many documents are without a result, sent or not.
    pub fn unanswered(&self) -> usize {
        self.waiting.len() + self.unsent
    }

    /// How many documents the server answered whose results are counted. It grows with every progress of the run.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// Counts a stream that was opened in place of a broken one.
    pub fn reconnected(&mut self) {
        self.tally.reconnects += 1;
    }

    /// Takes a line. One without a document has its result at once.
    pub fn add(&mut self, line: Line) {
        let result = line.document.as_ref().err().map(|rejection| DocumentResult {
            status: DocumentStatus::Rejected.into(),
            rejection: Some(rejection.clone()),
            ..DocumentResult::default()
        });
        let is_document = result.is_none();
        self.unsent += usize::from(is_document);
        self.bytes += size(&line);
        self.lines.insert(line.place.lines, Entry { line, is_document, result });
    }

    /// Returns the documents of the next message: those that the open stream was not given, in the order of their lines.
    pub fn next_message(&mut self) -> Option<Vec<Bytes>> {
        if self.unsent == 0 {
            return None;
        }
        let (mut documents, mut bytes) = (Vec::new(), 0);
        for (&number, Entry { line, result, .. }) in self.lines.range(self.next_unsent..) {
            if let (Ok(document), None) = (&line.document, result) {
                let is_full = documents.len() == MAX_MESSAGE_DOCUMENTS || bytes + document.len() > MAX_MESSAGE_BYTES;
                if is_full && !documents.is_empty() {
                    break;
                }
                bytes += document.len();
                documents.push(document.clone());
                // The server numbers documents as they come, from 1.
                self.last_sequence += 1;
                self.waiting.insert(self.last_sequence, number);
            }
            self.next_unsent = number + 1;
        }
        self.unsent -= documents.len();
        Some(documents).filter(|documents| !documents.is_empty())
    }

    /// Another stream begins: it is sent all documents that are not counted, but for rejected ones.
    pub fn restart(&mut self) {
        self.waiting.clear();
        (self.last_sequence, self.next_unsent, self.unsent) = (0, 0, 0);
        for entry in self.lines.values_mut().filter(|entry| entry.is_document) {
            entry.result.take_if(|result| !is_rejected(result));
            self.unsent += usize::from(entry.result.is_none());
        }
    }

    /// There are no more lines.
    pub fn ended(&mut self, end: End) {
        self.end = Some(end);
    }

    /// Takes the result of a document that was sent.
    pub fn answered(&mut self, result: DocumentResult) -> anyhow::Result<()> {
        let sequence = result.sequence;
        let number = self.waiting.remove(&sequence);
        let entry = number.and_then(|number| self.lines.get_mut(&number));
        let entry =
            entry.ok_or_else(|| anyhow!("the server gave a result for document {sequence}, which awaits none"))?;
        if is_rejected(&result) {
            // It is not sent again; the line itself is still needed for the reject file.
            self.bytes -= size(&entry.line);
            entry.line.document = Ok(Bytes::new());
            self.bytes += size(&entry.line);
        }
        entry.result = Some(result);
        Ok(())
    }

    pub fn durable_through(&mut self, sequence: u64) {
        self.tally.durable_through = sequence;
    }

    /// Takes the first line off and counts it, if it has its result; with the rejection, if it is one.
    pub fn settle(&mut self) -> Option<(Line, Option<Rejection>)> {
        let first = self.lines.first_entry().filter(|entry| entry.get().result.is_some())?;
        let Entry { line, is_document, result } = first.remove();
        self.bytes -= size(&line);
        self.acked += u64::from(is_document);
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
}

/// The memory that a line takes.
fn size(line: &Line) -> usize {
    line.text.as_ref().map_or(0, String::len) + line.document.as_ref().map_or(0, Bytes::len)
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
    use proptest::prelude::*;

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

    /// Takes lines as the session does: read, and sent in messages.
    fn send(tracker: &mut Tracker, lines: impl IntoIterator<Item = Line>) -> usize {
        lines.into_iter().for_each(|line| tracker.add(line));
        std::iter::from_fn(|| tracker.next_message()).map(|documents| documents.len()).sum()
    }

    #[test]
    fn results_in_any_order_are_counted_in_the_order_of_the_lines() {
        let mut tracker = Tracker::new(Tally::after(100));
        let no_document = Line { document: Err(Rejection::default()), ..line(106, 1) };
        let sent =
            send(&mut tracker, [101, 103, 104, 105].map(|number| line(number, 1)).into_iter().chain([no_document]));
        assert_eq!(sent, 4);
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
        assert_eq!((tracker.unanswered(), tracker.tally().unchanged), (1, 0));
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
            reconnects: 0,
        };
        assert_eq!((tracker.tally(), tracker.acked()), (expected, 4));
    }

    #[test]
    fn a_result_that_nobody_waits_for_is_an_error() {
        let mut tracker = Tracker::new(Tally::default());
        send(&mut tracker, [line(1, 1)]);
        assert!(tracker.answered(indexed(1)).is_ok());
        assert!(tracker.answered(indexed(1)).is_err());
        assert!(tracker.answered(indexed(7)).is_err());
    }

    #[test]
    fn room_comes_back_when_lines_are_counted() {
        let mut tracker = Tracker::new(Tally::default());
        send(&mut tracker, [line(1, 1), line(2, MAX_BYTES)]);
        assert!(!tracker.has_room());
        // It may have to be sent again after the first.
        tracker.answered(indexed(2)).unwrap();
        assert!(!tracker.has_room());
        tracker.answered(indexed(1)).unwrap();
        assert_eq!(settled(&mut tracker).len(), 2);
        assert!(tracker.has_room());
        send(&mut tracker, (3..3 + MAX_LINES as u64).map(|number| line(number, 1)));
        assert!(!tracker.has_room());
        tracker.answered(indexed(3)).unwrap();
        assert_eq!(settled(&mut tracker).len(), 1);
        assert!(tracker.has_room());
    }

    #[test]
    fn a_message_has_its_bounds() {
        let mut tracker = Tracker::new(Tally::default());
        let sizes = [10, MAX_MESSAGE_BYTES + 1, 10, MAX_MESSAGE_BYTES - 10, 1];
        (1..).zip(sizes).for_each(|(number, size)| tracker.add(line(number, size)));
        (6..=200).for_each(|number| tracker.add(line(number, 1)));
        let lengths: Vec<_> = std::iter::from_fn(|| tracker.next_message()).map(|documents| documents.len()).collect();
        assert_eq!(lengths, [1, 1, 2, 64, 64, 64, 4]);
        assert_eq!((tracker.unanswered(), tracker.next_message()), (200, None));
    }

    /// What happens to a stream.
    #[derive(Debug, Clone)]
    enum Step {
        /// So many lines are read; those of the pattern are no documents.
        Read(u8, u8),
        Send,
        /// One of the documents that wait gets its result, by this choice; rejected or not.
        Answer(prop::sample::Index, bool),
        Break,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            2 => (1_u8..90, any::<u8>()).prop_map(|(count, pattern)| Step::Read(count, pattern)),
            3 => Just(Step::Send),
            9 => (any::<prop::sample::Index>(), prop::bool::weighted(0.2)).prop_map(|(at, bad)| Step::Answer(at, bad)),
            1 => Just(Step::Break),
        ];
        prop::collection::vec(step, 0..120)
    }

    /// A tracker, and a server as far as it matters here.
    struct Run {
        tracker: Tracker,
        read: u64,
        /// Lines of the documents that the open stream was given, in order, with the answers that it gave.
        stream: Vec<(u64, Option<bool>)>,
        /// Lines that have been counted, with whether they were rejected.
        counted: Vec<(u64, bool)>,
        /// Lines of rejected documents.
        rejected: std::collections::BTreeSet<u64>,
    }

    impl Run {
        fn numbered(number: u64, is_document: bool) -> Line {
            let document = Bytes::copy_from_slice(&number.to_be_bytes());
            Line { document: if is_document { Ok(document) } else { Err(Rejection::default()) }, ..line(number, 0) }
        }

        fn send(&mut self) {
            for document in self.tracker.next_message().unwrap_or_default() {
                let number = u64::from_be_bytes(document.as_ref().try_into().unwrap());
                self.stream.push((number, None));
            }
        }

        /// Answers the document with this place in the stream.
        fn answer(&mut self, at: usize, is_rejected: bool) {
            let (number, answer) = &mut self.stream[at];
            *answer = Some(is_rejected);
            if is_rejected {
                self.rejected.insert(*number);
            }
            let status = if is_rejected { DocumentStatus::Rejected } else { DocumentStatus::Indexed };
            let sequence = at as u64 + 1;
            self.tracker.answered(DocumentResult { status: status.into(), ..indexed(sequence) }).unwrap();
            self.counted.extend(settled(&mut self.tracker));
        }

        fn waiting(&self) -> Vec<usize> {
            let waiting = self.stream.iter().enumerate().filter(|(_, (_, answer))| answer.is_none());
            waiting.map(|(at, _)| at).collect()
        }
    }

    proptest! {
        /// Laws: whatever breaks, each line is counted once and in order; a stream is given documents in the order of their
        /// lines, none twice, none that is counted or was rejected, and every other one from the first that is not counted
        /// on; the bytes are those of the lines that are held.
        #[test]
        fn each_line_has_one_result_whatever_breaks(steps in steps()) {
            let mut run = Run {
                tracker: Tracker::new(Tally::default()),
                read: 0,
                stream: Vec::new(),
                counted: Vec::new(),
                rejected: Default::default(),
            };
            let mut documents = Vec::new();
            for step in steps {
                match step {
                    Step::Read(count, pattern) => for _ in 0..count {
                        run.read += 1;
                        let is_document = pattern.rotate_left(run.read as u32 % 8) & 3 != 0;
                        documents.extend(is_document.then_some(run.read));
                        run.tracker.add(Run::numbered(run.read, is_document));
                    },
                    Step::Send => run.send(),
                    Step::Answer(at, is_rejected) => {
                        let waiting = run.waiting();
                        if !waiting.is_empty() {
                            run.answer(waiting[at.index(waiting.len())], is_rejected);
                        }
                    }
                    Step::Break => {
                        run.tracker.restart();
                        run.stream.clear();
                        let first = run.counted.last().map_or(1, |(number, _)| number + 1);
                        let due: Vec<_> = documents.iter().copied().filter(|number| *number >= first && !run.rejected.contains(number)).collect();
                        prop_assert_eq!(run.tracker.unanswered(), due.len());
                        while run.tracker.unanswered() > run.stream.len() {
                            run.send();
                        }
                        prop_assert_eq!(run.stream.iter().map(|(number, _)| *number).collect::<Vec<_>>(), due);
                    }
                }
                prop_assert!(run.stream.is_sorted_by(|(one, _), (next, _)| one < next));
                let held: usize = run.tracker.lines.values().map(|entry| size(&entry.line)).sum();
                prop_assert_eq!(run.tracker.bytes, held);
            }
            while run.tracker.unanswered() > run.waiting().len() {
                run.send();
            }
            for at in run.waiting() {
                run.answer(at, false);
            }
            run.counted.extend(settled(&mut run.tracker));
            let expected: Vec<_> = (1..=run.read)
                .map(|number| (number, run.rejected.contains(&number) || !documents.contains(&number)))
                .collect();
            prop_assert_eq!(&run.counted, &expected);
            let tally = run.tracker.tally();
            prop_assert_eq!((tally.documents(), run.tracker.acked()), (run.read, documents.len() as u64));
        }

        /// Law: with the last result of each id, the collection has what a stream that never broke leaves: the last line of
        /// each id. The server applies the documents of one id in the order in which they come; before a break it may have
        /// applied any of them, and their results may be lost.
        #[test]
        fn the_last_line_of_an_id_stays(
            count in 1_u64..40,
            ids in 1_u64..5,
            streams in prop::collection::vec((0_usize..50, prop::collection::vec(any::<prop::sample::Index>(), 0..30)), 0..6),
        ) {
            let id = |number: u64| number % ids;
            let mut run = Run {
                tracker: Tracker::new(Tally::default()),
                read: count,
                stream: Vec::new(),
                counted: Vec::new(),
                rejected: Default::default(),
            };
            (1..=count).for_each(|number| run.tracker.add(Run::numbered(number, true)));
            let mut stored = BTreeMap::new();
            let mut apply = |run: &Run, through: usize| for (number, _) in run.stream.iter().take(through) {
                stored.insert(id(*number), *number);
            };
            for (applied, answers) in streams {
                run.send();
                // Any beginning of the stream is applied, and any part of that is answered.
                let applied = applied.min(run.stream.len());
                apply(&run, applied);
                for at in answers {
                    let waiting: Vec<_> = run.waiting().into_iter().filter(|&at| at < applied).collect();
                    if !waiting.is_empty() {
                        run.answer(waiting[at.index(waiting.len())], false);
                    }
                }
                run.tracker.restart();
                run.stream.clear();
            }
            while run.tracker.unanswered() > run.stream.len() {
                run.send();
            }
            apply(&run, run.stream.len());
            for at in run.waiting() {
                run.answer(at, false);
            }
            prop_assert_eq!(run.counted.len() as u64, count);
            for (id_stored, number) in stored {
                let last = (1..=count).filter(|number| id(*number) == id_stored).max();
                prop_assert_eq!(Some(number), last);
            }
        }
    }
}
