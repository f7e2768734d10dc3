use std::sync::Arc;

use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::line_batcher::MAX_BATCH_BYTES as MAX_MESSAGE_BYTES;
use crate::proto::{EncodingStats, Operation, operation};

fn line(number: u64, size: usize) -> IngestLine {
    let position = InputPosition { lines: number, bytes: number * 10, ..InputPosition::default() };
    IngestLine {
        position,
        file: Arc::default(),
        number,
        other_shard_lines: 1,
        raw_bytes: None,
        document: Ok(Bytes::from(vec![0; size])),
    }
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

/// Removes all acknowledged lines; returns their numbers and whether they were rejected.
fn pop_all(tracker: &mut Tracker) -> Vec<(u64, bool)> {
    let acked = std::iter::from_fn(|| tracker.pop_acked());
    acked.map(|(line, error)| (line.position.lines, error.is_some())).collect()
}

/// Adds lines and sends all messages, as the session does. Returns the number of operations.
fn send(tracker: &mut Tracker, lines: impl IntoIterator<Item = IngestLine>) -> usize {
    lines.into_iter().for_each(|line| tracker.add(line));
    std::iter::from_fn(|| tracker.next_message()).map(|operations| operations.len()).sum()
}

/// Records final results and `durable_through`.
fn answer(tracker: &mut Tracker, results: impl IntoIterator<Item = OperationResult>, durable_through: u64) {
    for result in results {
        assert_eq!(tracker.ack(result).unwrap(), None);
    }
    tracker.advance_durable_through(durable_through);
}

#[test]
fn results_in_any_order_are_counted_in_the_order_of_the_lines() {
    let mut tracker = Tracker::new(IngestStats::starting_after(100), FileTracker::default());
    let no_document = IngestLine { document: Err(ItemError::default()), ..line(106, 1) };
    let sent = send(&mut tracker, [101, 103, 104, 105].map(|number| line(number, 1)).into_iter().chain([no_document]));
    assert_eq!(sent, 4);
    let position = InputPosition { lines: 109, bytes: 1095, ..InputPosition::default() };
    tracker.set_input_end(InputEnd { position, other_shard_lines: 2 });
    answer(&mut tracker, [indexed(2)], 0);
    assert_eq!(pop_all(&mut tracker), []);
    assert_eq!(tracker.stats(), IngestStats::starting_after(100));
    answer(&mut tracker, [indexed(1)], 2);
    assert_eq!(pop_all(&mut tracker), [(101, false), (103, false)]);
    assert_eq!(tracker.stats().position, InputPosition { lines: 103, bytes: 1030, ..InputPosition::default() });
    answer(&mut tracker, [result(4, OperationStatus::Unchanged)], 2);
    assert_eq!((tracker.pending_count(), tracker.stats().unchanged), (2, 0));
    answer(&mut tracker, [result(3, OperationStatus::Rejected)], 4);
    assert_eq!(pop_all(&mut tracker), [(104, true), (105, false), (106, true)]);
    let expected = IngestStats {
        indexed: 2,
        unchanged: 1,
        rejected: 2,
        truncated: 1,
        windows: 8,
        tokens: 10,
        terms: 6,
        pruned_terms: 4,
        other_shards: 7,
        position,
        durable_through: 4,
        reconnects: 0,
    };
    assert_eq!((tracker.stats(), tracker.acked_count()), (expected, 4));
}

#[test]
fn a_result_that_nobody_waits_for_is_an_error() {
    let mut tracker = Tracker::new(IngestStats::default(), FileTracker::default());
    send(&mut tracker, [line(1, 1)]);
    tracker.add(line(2, 1));
    assert!(tracker.ack(indexed(1)).is_ok());
    assert!(tracker.ack(indexed(1)).is_err(), "it already has a result");
    assert!(tracker.ack(indexed(2)).is_err(), "it was not sent");
    assert!(tracker.ack(indexed(7)).is_err(), "it does not exist");
    send(&mut tracker, []);
    for status in [OperationStatus::Unspecified, OperationStatus::Deleted] {
        assert!(tracker.ack(result(2, status)).is_err(), "{status:?}");
    }
    let unknown = OperationResult { status: 99, ..result(2, OperationStatus::Unspecified) };
    assert!(tracker.ack(unknown).unwrap_err().to_string().contains("the status 99"));
}

/// A failed document is neither counted nor reported; it is sent again with all later ones, with its sequence number.
#[test]
fn what_failed_is_sent_again() {
    let mut tracker = Tracker::new(IngestStats::default(), FileTracker::default());
    assert_eq!(send(&mut tracker, (1..=4).map(|number| line(number, 1))), 4);
    let error = ItemError { reason: "STORE_UNAVAILABLE".to_owned(), ..ItemError::default() };
    let failed = OperationResult { error: Some(error.clone()), ..result(2, OperationStatus::Failed) };
    assert_eq!(tracker.ack(failed).unwrap(), Some(error));
    answer(&mut tracker, [indexed(1), result(3, OperationStatus::Rejected), indexed(4)], 1);
    assert_eq!(pop_all(&mut tracker), [(1, false)]);
    assert_eq!((tracker.pending_count(), tracker.first_sequence()), (3, 2));
    tracker.restart_stream();
    assert_eq!(pop_all(&mut tracker), []);
    assert_eq!(send(&mut tracker, []), 3);
    answer(&mut tracker, [indexed(2), result(3, OperationStatus::Rejected)], 3);
    assert_eq!(pop_all(&mut tracker), [(2, false), (3, true)]);
    answer(&mut tracker, [indexed(4)], 4);
    assert_eq!((pop_all(&mut tracker), tracker.pending_count(), tracker.stats().rejected), (vec![(4, false)], 0, 1));
}

#[test]
fn nothing_is_counted_before_the_server_says_that_it_is_durable() {
    let mut tracker = Tracker::new(IngestStats::default(), FileTracker::default());
    send(&mut tracker, [line(1, 1), line(2, 1)]);
    answer(&mut tracker, [indexed(1), indexed(2)], 1);
    assert_eq!(pop_all(&mut tracker), [(1, false)]);
    tracker.restart_stream();
    assert_eq!((tracker.first_sequence(), send(&mut tracker, [])), (2, 1));
}

#[test]
fn room_comes_back_when_lines_are_counted() {
    let mut tracker = Tracker::new(IngestStats::default(), FileTracker::default());
    send(&mut tracker, [line(1, 1), line(2, MAX_PENDING_BYTES)]);
    assert!(!tracker.has_capacity());
    // The second document stays pending, because it may have to be sent again after the first.
    answer(&mut tracker, [indexed(2)], 0);
    assert!(!tracker.has_capacity());
    answer(&mut tracker, [indexed(1)], 2);
    assert_eq!(pop_all(&mut tracker).len(), 2);
    assert!(tracker.has_capacity());
    send(&mut tracker, (3..3 + MAX_PENDING_LINES as u64).map(|number| line(number, 1)));
    assert!(!tracker.has_capacity());
    answer(&mut tracker, [indexed(3)], 3);
    assert_eq!(pop_all(&mut tracker).len(), 1);
    assert!(tracker.has_capacity());
}

#[test]
fn a_message_has_its_bounds() {
    let mut tracker = Tracker::new(IngestStats::default(), FileTracker::default());
    let sizes = [10, MAX_MESSAGE_BYTES + 1, 10, MAX_MESSAGE_BYTES - 10, 1];
    (1..).zip(sizes).for_each(|(number, size)| tracker.add(line(number, size)));
    (6..=200).for_each(|number| tracker.add(line(number, 1)));
    let lengths: Vec<_> = std::iter::from_fn(|| tracker.next_message()).map(|operations| operations.len()).collect();
    assert_eq!(lengths, [1, 1, 2, 64, 64, 64, 4]);
    assert_eq!((tracker.pending_count(), tracker.next_message()), (200, None));
}

/// Step of a random run.
#[derive(Debug, Clone)]
enum Step {
    /// Reads this many lines; the bits of the pattern select the invalid ones.
    Read(u8, u8),
    Send,
    /// Answers one of the documents without a result, chosen by the index.
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

/// A tracker with a model of the server.
struct Run {
    tracker: Tracker,
    read: u64,
    /// Sequence number of the first document of the open stream.
    first: u64,
    /// Lines of the documents that were sent on the open stream, in order, with their results.
    stream: Vec<(u64, Option<OperationStatus>)>,
    /// Lines that were counted, and whether they were rejected.
    counted: Vec<(u64, bool)>,
    /// Lines of documents whose last result was a rejection.
    rejected: std::collections::BTreeSet<u64>,
}

impl Run {
    fn new(read: u64) -> Self {
        Self {
            tracker: Tracker::new(IngestStats::default(), FileTracker::default()),
            read,
            first: 1,
            stream: Vec::new(),
            counted: Vec::new(),
            rejected: Default::default(),
        }
    }

    fn numbered(number: u64, is_document: bool) -> IngestLine {
        let document = Bytes::copy_from_slice(&number.to_be_bytes());
        IngestLine { document: if is_document { Ok(document) } else { Err(ItemError::default()) }, ..line(number, 0) }
    }

    fn send(&mut self) {
        for operation in self.tracker.next_message().unwrap_or_default() {
            let Some(operation::Kind::Upsert(document)) = Operation::decode(operation).unwrap().kind else {
                panic!("not an upsert")
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

    /// Answers the document at this index in the stream.
    fn answer(&mut self, at: usize, status: OperationStatus) {
        let (number, answer) = &mut self.stream[at];
        *answer = Some(status);
        match status {
            OperationStatus::Rejected => self.rejected.insert(*number),
            _ => self.rejected.remove(&*number),
        };
        let failed = self.tracker.ack(result(self.first + at as u64, status)).unwrap();
        assert_eq!(failed.is_some(), status == OperationStatus::Failed);
        let is_final = |answer: &Option<OperationStatus>| {
            matches!(answer, Some(OperationStatus::Indexed | OperationStatus::Rejected))
        };
        let finals = self.stream.iter().take_while(|(_, answer)| is_final(answer)).count();
        self.tracker.advance_durable_through(self.first - 1 + finals as u64);
        self.counted.extend(pop_all(&mut self.tracker));
    }

    fn waiting(&self) -> Vec<usize> {
        let waiting = self.stream.iter().enumerate().filter(|(_, (_, answer))| answer.is_none());
        waiting.map(|(at, _)| at).collect()
    }

    /// Ends the stream and starts the next one.
    fn restart(&mut self) {
        self.tracker.restart_stream();
        self.stream.clear();
        self.first = self.tracker.first_sequence();
    }
}

proptest! {
    /// Laws, for any sequence of failures: each line is counted once and in order; a stream is sent exactly the pending
    /// documents, each once and in input order; a document has one sequence number in all streams; the byte count is that of
    /// the pending lines.
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
                    prop_assert_eq!(run.tracker.pending_count(), due.len());
                    prop_assert_eq!(run.first as usize, documents.len() - due.len() + 1);
                    run.send_all();
                    prop_assert_eq!(run.stream.iter().map(|(number, _)| *number).collect::<Vec<_>>(), due);
                }
            }
            prop_assert!(run.stream.is_sorted_by(|(one, _), (next, _)| one < next));
            let held: usize = run.tracker.lines.values().map(|entry| measure_line_bytes(&entry.line)).sum();
            prop_assert_eq!(run.tracker.bytes, held);
        }
        run.restart();
        run.send_all();
        for at in run.waiting() {
            run.answer(at, OperationStatus::Indexed);
        }
        run.counted.extend(pop_all(&mut run.tracker));
        let expected: Vec<_> = (1..=run.read)
            .map(|number| (number, run.rejected.contains(&number) || !documents.contains(&number)))
            .collect();
        prop_assert_eq!(&run.counted, &expected);
        let stats = run.tracker.stats();
        prop_assert_eq!((stats.document_count(), run.tracker.acked_count()), (run.read, documents.len() as u64));
    }

    /// Law: at the end, the collection has the last line of each id, as after a stream that never broke. The server applies the
    /// documents of one id in the order in which it receives them; before a break it may have applied any prefix of the
    /// stream, and results may be lost.
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
            // Any prefix of the stream is applied, and any subset of the prefix is answered.
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
