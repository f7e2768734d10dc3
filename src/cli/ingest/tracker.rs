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

use std::collections::BTreeMap;

use anyhow::{anyhow, bail};
use bytes::Bytes;
use prost::Message;
use serde::{Deserialize, Serialize};

use super::batch::{Line, MAX_BYTES as MAX_MESSAGE_BYTES, MAX_LINES as MAX_MESSAGE_OPERATIONS, Place};
use super::read_files::{FileRecords, ReadFiles};
use super::reader::{End, FileEnd};
use crate::proto::{ItemError, Operation, OperationResult, OperationStatus, operation};

/// Maximum lines from the first one that is not counted on, and their bytes. Far more than a server admits at once, so they
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
    /// The server's word: every document of this run up to this one has a final result.
    #[serde(skip)]
    pub durable_through: u64,
    /// Streams of this run that were opened after one failed.
    #[serde(skip)]
    pub reconnects: u64,
}

/// The lines that are not counted yet.
#[derive(Debug)]
pub struct Tracker {
    /// By number, from the first one that is not counted.
    lines: BTreeMap<u64, Entry>,
    /// Numbers of the lines that have a document, by its sequence number.
    documents: BTreeMap<u64, u64>,
    /// Sequence number of the last document that was read.
    last_sequence: u64,
    /// The open stream was given all documents up to this one.
    sent_through: u64,
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
        Self {
            lines: BTreeMap::new(),
            documents: BTreeMap::new(),
            last_sequence: 0,
            sent_through: 0,
            bytes: 0,
            end: None,
            tally,
            files,
        }
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
        self.documents.len()
    }

    /// How many documents are counted. It grows with every progress of the run.
    pub fn acked(&self) -> u64 {
        self.last_sequence - self.documents.len() as u64
    }

    /// Sequence number of the first document that is not counted: where the next stream begins.
    pub fn first_sequence(&self) -> u64 {
        self.acked() + 1
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
        let sequence = result.is_none().then(|| {
            self.last_sequence += 1;
            self.documents.insert(self.last_sequence, number);
            self.last_sequence
        });
        self.bytes += size(&line);
        self.lines.insert(number, Entry { line, sequence, result });
    }

    /// Returns the operations of the next message: the documents that the open stream was not given, in their order.
    pub fn next_message(&mut self) -> Option<Vec<Bytes>> {
        let (mut operations, mut bytes) = (Vec::new(), 0);
        for (&sequence, number) in self.documents.range(self.sent_through + 1..) {
            let line = self.lines.get(number).map(|entry| &entry.line);
            let Some(Ok(document)) = line.map(|line| &line.document) else { continue };
            let is_full = operations.len() == MAX_MESSAGE_OPERATIONS || bytes + document.len() > MAX_MESSAGE_BYTES;
            if is_full && !operations.is_empty() {
                break;
            }
            bytes += document.len();
            operations.push(to_operation(document));
            self.sent_through = sequence;
        }
        Some(operations).filter(|operations| !operations.is_empty())
    }

    /// Another stream begins: it is sent all documents that are not counted.
    pub fn restart(&mut self) {
        self.sent_through = self.acked();
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
        let number = self.documents.get(&sequence).filter(|_| sequence <= self.sent_through);
        let entry = number.and_then(|number| self.lines.get_mut(number)).filter(|entry| entry.result.is_none());
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
            self.documents.remove(&sequence);
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

/// The operation that stores a document, encoded.
fn to_operation(document: &Bytes) -> Bytes {
    let kind = Some(operation::Kind::Upsert(document.clone()));
    Operation { kind, ..Operation::default() }.encode_to_vec().into()
}

impl Tally {
    /// Of a run that leaves out the first lines.
    pub fn after(lines: u64) -> Self {
        Self { done: Place { lines, ..Place::default() }, ..Self::default() }
    }

    /// Goes on at a place, which keeps the count of lines.
    pub fn at(self, done: Place) -> Self {
        Self { done, ..self }
    }

    pub fn documents(&self) -> u64 {
        self.indexed + self.unchanged + self.rejected
    }

    fn count(&mut self, line: &Line, result: OperationResult) -> Option<ItemError> {
        self.done = line.place;
        self.other_shards += line.passed;
        let stats = result.stats.unwrap_or_default();
        self.windows += to_u64(stats.window_count);
        self.tokens += to_u64(stats.token_count);
        self.terms += to_u64(stats.term_count);
        self.pruned_terms += to_u64(stats.pruned_term_count);
        self.truncated += u64::from(stats.truncated);
        match result.status() {
            OperationStatus::Indexed => self.indexed += 1,
            // Nothing was written either way.
            OperationStatus::Unchanged | OperationStatus::Superseded => self.unchanged += 1,
            _ => {
                self.rejected += 1;
                return Some(result.error.unwrap_or_default());
            }
        }
        None
    }
}

/// A count of the contract, which is never negative.
fn to_u64(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::proto::EncodingStats;

    fn line(number: u64, size: usize) -> Line {
        let place = Place { lines: number, bytes: number * 10, ..Place::default() };
        Line { place, file: Arc::default(), number, passed: 1, text: None, document: Ok(Bytes::from(vec![0; size])) }
    }

    fn result(sequence: u64, status: OperationStatus) -> OperationResult {
        OperationResult { sequence, status: status.into(), ..OperationResult::default() }
    }

    fn indexed(sequence: u64) -> OperationResult {
        let stats = EncodingStats {
            token_count: 5,
            truncated: sequence == 1,
            window_count: 4,
            term_count: 3,
            pruned_term_count: 2,
            ..EncodingStats::default()
        };
        OperationResult { stats: Some(stats), ..result(sequence, OperationStatus::Indexed) }
    }

    /// The numbers of the lines that can be taken off, and whether they were rejected.
    fn settled(tracker: &mut Tracker) -> Vec<(u64, bool)> {
        let settled = std::iter::from_fn(|| tracker.settle());
        settled.map(|(line, error)| (line.place.lines, error.is_some())).collect()
    }

    /// Takes lines as the session does: read, and sent in messages.
    fn send(tracker: &mut Tracker, lines: impl IntoIterator<Item = Line>) -> usize {
        lines.into_iter().for_each(|line| tracker.add(line));
        std::iter::from_fn(|| tracker.next_message()).map(|operations| operations.len()).sum()
    }

    /// Takes final results, and the server's word that all up to a number have one.
    fn answer(tracker: &mut Tracker, results: impl IntoIterator<Item = OperationResult>, durable_through: u64) {
        for result in results {
            assert_eq!(tracker.answered(result).unwrap(), None);
        }
        tracker.durable_through(durable_through);
    }

    #[test]
    fn results_in_any_order_are_counted_in_the_order_of_the_lines() {
        let mut tracker = Tracker::new(Tally::after(100), ReadFiles::default());
        let no_document = Line { document: Err(ItemError::default()), ..line(106, 1) };
        let sent =
            send(&mut tracker, [101, 103, 104, 105].map(|number| line(number, 1)).into_iter().chain([no_document]));
        assert_eq!(sent, 4);
        let place = Place { lines: 109, bytes: 1095, ..Place::default() };
        tracker.ended(End { place, passed: 2 });
        answer(&mut tracker, [indexed(2)], 0);
        assert_eq!(settled(&mut tracker), []);
        assert_eq!(tracker.tally(), Tally::after(100));
        answer(&mut tracker, [indexed(1)], 2);
        assert_eq!(settled(&mut tracker), [(101, false), (103, false)]);
        assert_eq!(tracker.tally().done, Place { lines: 103, bytes: 1030, ..Place::default() });
        answer(&mut tracker, [result(4, OperationStatus::Unchanged)], 2);
        assert_eq!((tracker.pending(), tracker.tally().unchanged), (2, 0));
        answer(&mut tracker, [result(3, OperationStatus::Rejected)], 4);
        assert_eq!(settled(&mut tracker), [(104, true), (105, false), (106, true)]);
        let expected = Tally {
            indexed: 2,
            unchanged: 1,
            rejected: 2,
            truncated: 1,
            windows: 8,
            tokens: 10,
            terms: 6,
            pruned_terms: 4,
            other_shards: 7,
            done: place,
            durable_through: 4,
            reconnects: 0,
        };
        assert_eq!((tracker.tally(), tracker.acked()), (expected, 4));
    }

    #[test]
    fn a_result_that_nobody_waits_for_is_an_error() {
        let mut tracker = Tracker::new(Tally::default(), ReadFiles::default());
        send(&mut tracker, [line(1, 1)]);
        tracker.add(line(2, 1));
        assert!(tracker.answered(indexed(1)).is_ok());
        assert!(tracker.answered(indexed(1)).is_err(), "it has one");
        assert!(tracker.answered(indexed(2)).is_err(), "it is not sent");
        assert!(tracker.answered(indexed(7)).is_err(), "there is none");
        send(&mut tracker, []);
        for status in [OperationStatus::Unspecified, OperationStatus::Deleted] {
            assert!(tracker.answered(result(2, status)).is_err(), "{status:?}");
        }
        let unknown = OperationResult { status: 99, ..result(2, OperationStatus::Unspecified) };
        assert!(tracker.answered(unknown).unwrap_err().to_string().contains("the status 99"));
    }

    /// It is not at fault: it is neither counted nor reported, and sent again with those behind it, under its number.
    #[test]
    fn what_failed_is_sent_again() {
        let mut tracker = Tracker::new(Tally::default(), ReadFiles::default());
        assert_eq!(send(&mut tracker, (1..=4).map(|number| line(number, 1))), 4);
        let error = ItemError { reason: "STORE_UNAVAILABLE".to_owned(), ..ItemError::default() };
        let failed = OperationResult { error: Some(error.clone()), ..result(2, OperationStatus::Failed) };
        assert_eq!(tracker.answered(failed).unwrap(), Some(error));
        answer(&mut tracker, [indexed(1), result(3, OperationStatus::Rejected), indexed(4)], 1);
        assert_eq!(settled(&mut tracker), [(1, false)]);
        assert_eq!((tracker.pending(), tracker.first_sequence()), (3, 2));
        tracker.restart();
        assert_eq!(settled(&mut tracker), []);
        assert_eq!(send(&mut tracker, []), 3);
        answer(&mut tracker, [indexed(2), result(3, OperationStatus::Rejected)], 3);
        assert_eq!(settled(&mut tracker), [(2, false), (3, true)]);
        answer(&mut tracker, [indexed(4)], 4);
        assert_eq!((settled(&mut tracker), tracker.pending(), tracker.tally().rejected), (vec![(4, false)], 0, 1));
    }

    #[test]
    fn nothing_is_counted_before_the_server_says_that_it_is_durable() {
        let mut tracker = Tracker::new(Tally::default(), ReadFiles::default());
        send(&mut tracker, [line(1, 1), line(2, 1)]);
        answer(&mut tracker, [indexed(1), indexed(2)], 1);
        assert_eq!(settled(&mut tracker), [(1, false)]);
        tracker.restart();
        assert_eq!((tracker.first_sequence(), send(&mut tracker, [])), (2, 1));
    }

    #[test]
    fn room_comes_back_when_lines_are_counted() {
        let mut tracker = Tracker::new(Tally::default(), ReadFiles::default());
        send(&mut tracker, [line(1, 1), line(2, MAX_BYTES)]);
        assert!(!tracker.has_room());
        // It may have to be sent again after the first.
        answer(&mut tracker, [indexed(2)], 0);
        assert!(!tracker.has_room());
        answer(&mut tracker, [indexed(1)], 2);
        assert_eq!(settled(&mut tracker).len(), 2);
        assert!(tracker.has_room());
        send(&mut tracker, (3..3 + MAX_LINES as u64).map(|number| line(number, 1)));
        assert!(!tracker.has_room());
        answer(&mut tracker, [indexed(3)], 3);
        assert_eq!(settled(&mut tracker).len(), 1);
        assert!(tracker.has_room());
    }

    #[test]
    fn a_message_has_its_bounds() {
        let mut tracker = Tracker::new(Tally::default(), ReadFiles::default());
        let sizes = [10, MAX_MESSAGE_BYTES + 1, 10, MAX_MESSAGE_BYTES - 10, 1];
        (1..).zip(sizes).for_each(|(number, size)| tracker.add(line(number, size)));
        (6..=200).for_each(|number| tracker.add(line(number, 1)));
        let lengths: Vec<_> =
            std::iter::from_fn(|| tracker.next_message()).map(|operations| operations.len()).collect();
        assert_eq!(lengths, [1, 1, 2, 64, 64, 64, 4]);
        assert_eq!((tracker.pending(), tracker.next_message()), (200, None));
    }

    /// What happens to a stream.
    #[derive(Debug, Clone)]
    enum Step {
        /// So many lines are read; those of the pattern are no documents.
        Read(u8, u8),
        Send,
        /// One of the documents that wait gets a result, by this choice.
        Answer(prop::sample::Index, OperationStatus),
        Break,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let status = prop_oneof![
            7 => Just(OperationStatus::Indexed),
            2 => Just(OperationStatus::Rejected),
            1 => Just(OperationStatus::Failed),
        ];
        let step = prop_oneof![
            2 => (1_u8..90, any::<u8>()).prop_map(|(count, pattern)| Step::Read(count, pattern)),
            3 => Just(Step::Send),
            9 => (any::<prop::sample::Index>(), status).prop_map(|(at, status)| Step::Answer(at, status)),
            1 => Just(Step::Break),
        ];
        prop::collection::vec(step, 0..120)
    }

    /// A tracker, and a server as far as it matters here.
    struct Run {
        tracker: Tracker,
        read: u64,
        /// Sequence number of the first document of the open stream.
        first: u64,
        /// Lines of the documents that the open stream was given, in order, with the answers that it gave.
        stream: Vec<(u64, Option<OperationStatus>)>,
        /// Lines that have been counted, with whether they were rejected.
        counted: Vec<(u64, bool)>,
        /// Lines of documents whose last result was a rejection.
        rejected: std::collections::BTreeSet<u64>,
    }

    impl Run {
        fn new(read: u64) -> Self {
            Self {
                tracker: Tracker::new(Tally::default(), ReadFiles::default()),
                read,
                first: 1,
                stream: Vec::new(),
                counted: Vec::new(),
                rejected: Default::default(),
            }
        }

        fn numbered(number: u64, is_document: bool) -> Line {
            let document = Bytes::copy_from_slice(&number.to_be_bytes());
            Line { document: if is_document { Ok(document) } else { Err(ItemError::default()) }, ..line(number, 0) }
        }

        fn send(&mut self) {
            for operation in self.tracker.next_message().unwrap_or_default() {
                let Some(operation::Kind::Upsert(document)) = Operation::decode(operation).unwrap().kind else {
                    panic!("it is no upsert")
                };
                let number = u64::from_be_bytes(document.as_ref().try_into().unwrap());
                self.stream.push((number, None));
            }
        }

        fn send_all(&mut self) {
            let mut sent = usize::MAX;
            while sent != self.stream.len() {
                sent = self.stream.len();
                self.send();
            }
        }

        /// Answers the document with this place in the stream.
        fn answer(&mut self, at: usize, status: OperationStatus) {
            let (number, answer) = &mut self.stream[at];
            *answer = Some(status);
            match status {
                OperationStatus::Rejected => self.rejected.insert(*number),
                _ => self.rejected.remove(&*number),
            };
            let failed = self.tracker.answered(result(self.first + at as u64, status)).unwrap();
            assert_eq!(failed.is_some(), status == OperationStatus::Failed);
            let is_final = |answer: &Option<OperationStatus>| {
                matches!(answer, Some(OperationStatus::Indexed | OperationStatus::Rejected))
            };
            let finals = self.stream.iter().take_while(|(_, answer)| is_final(answer)).count();
            self.tracker.durable_through(self.first - 1 + finals as u64);
            self.counted.extend(settled(&mut self.tracker));
        }

        fn waiting(&self) -> Vec<usize> {
            let waiting = self.stream.iter().enumerate().filter(|(_, (_, answer))| answer.is_none());
            waiting.map(|(at, _)| at).collect()
        }

        /// The stream ends, and the next one begins.
        fn restart(&mut self) {
            self.tracker.restart();
            self.stream.clear();
            self.first = self.tracker.first_sequence();
        }
    }

    proptest! {
        /// Laws: whatever breaks or fails, each line is counted once and in order; a stream is given documents in the order of
        /// their lines, none twice, none that is counted, and every other one from the first that is not counted on; a
        /// document has the same number in every stream; the bytes are those of the lines that are held.
        #[test]
        fn each_line_has_one_result_whatever_breaks(steps in steps()) {
            let mut run = Run::new(0);
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
                    Step::Answer(at, status) => {
                        let waiting = run.waiting();
                        if !waiting.is_empty() {
                            run.answer(waiting[at.index(waiting.len())], status);
                        }
                    }
                    Step::Break => {
                        run.restart();
                        let first = run.counted.last().map_or(1, |(number, _)| number + 1);
                        let due: Vec<_> = documents.iter().copied().filter(|number| *number >= first).collect();
                        prop_assert_eq!(run.tracker.pending(), due.len());
                        prop_assert_eq!(run.first as usize, documents.len() - due.len() + 1);
                        run.send_all();
                        prop_assert_eq!(run.stream.iter().map(|(number, _)| *number).collect::<Vec<_>>(), due);
                    }
                }
                prop_assert!(run.stream.is_sorted_by(|(one, _), (next, _)| one < next));
                let held: usize = run.tracker.lines.values().map(|entry| size(&entry.line)).sum();
                prop_assert_eq!(run.tracker.bytes, held);
            }
            run.restart();
            run.send_all();
            for at in run.waiting() {
                run.answer(at, OperationStatus::Indexed);
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
            let mut run = Run::new(count);
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
                        run.answer(waiting[at.index(waiting.len())], OperationStatus::Indexed);
                    }
                }
                run.restart();
            }
            run.send_all();
            apply(&run, run.stream.len());
            for at in run.waiting() {
                run.answer(at, OperationStatus::Indexed);
            }
            prop_assert_eq!(run.counted.len() as u64, count);
            for (id_stored, number) in stored {
                let last = (1..=count).filter(|number| id(*number) == id_stored).max();
                prop_assert_eq!(Some(number), last);
            }
        }
    }
}
