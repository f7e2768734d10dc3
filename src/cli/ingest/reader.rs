//! The input, read on a thread of its own.

use std::io::{self, BufRead, BufReader, Read};
use std::thread;

use tokio::sync::mpsc;

use super::batch::{Batcher, Line, Place};
use super::input::Input;
use super::line::{Mapping, encode, too_long};
use super::shard::Part;

/// The longest line that is kept; of a longer one only the number is.
const MAX_LINE_BYTES: u64 = 32 << 20;

const BUFFER_BYTES: usize = 256 << 10;

/// How many batches wait to be sent.
const QUEUE: usize = 2;

/// What the thread hands over, in order; an error ends it.
pub type Batches = mpsc::Receiver<io::Result<Batch>>;

/// Lines, and at last the end.
#[derive(Debug)]
pub enum Batch {
    Lines(Vec<Line>),
    End(End),
}

/// The end of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub place: Place,
    /// How many lines of other shards came after the last line of this one.
    pub passed: u64,
}

/// What is made of a line, and of which ones.
#[derive(Debug, Clone)]
pub struct Plan {
    pub mapping: Mapping,
    pub part: Part,
}

/// Starts the thread. It ends with the input, or when the batches are no longer received. It is never waited for,
/// since it may be stuck in a read of a terminal.
pub fn spawn(input: Input, plan: Plan) -> io::Result<Batches> {
    let (sender, batches) = mpsc::channel(QUEUE);
    thread::Builder::new().name("ingest-reader".to_owned()).spawn(move || {
        let Input { reader, at, skip, .. } = input;
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, reader);
        let send = |lines| sender.blocking_send(Ok(Batch::Lines(lines))).is_ok();
        let last = match read(&mut reader, &plan, at, skip, send) {
            Ok(None) => return,
            Ok(Some(end)) => Ok(Batch::End(end)),
            Err(error) => Err(error),
        };
        // Nobody listens any more: then there is nobody to tell.
        let _ = sender.blocking_send(last);
    })?;
    Ok(batches)
}

/// Reads lines from a place to the end, passes over the first `skip` of the whole, and sends them in batches until `send` says that nobody wants more: then there is no end. A
/// batch is sent as soon as the next read might block, so a slow producer's lines don't wait for each other.
pub fn read<R: Read>(
    reader: &mut BufReader<R>,
    plan: &Plan,
    at: Place,
    skip: u64,
    mut send: impl FnMut(Vec<Line>) -> bool,
) -> io::Result<Option<End>> {
    let mut batcher = Batcher::default();
    let mut place = at;
    let mut passed = 0;
    while let Some(raw) = RawLine::read(reader)? {
        place = Place { lines: place.lines + 1, bytes: place.bytes + raw.bytes };
        if place.lines <= skip || raw.is_blank() {
            continue;
        }
        let full = match raw.into_line(place, passed, plan) {
            Some(line) => {
                passed = 0;
                batcher.push(line)
            }
            None => {
                passed += 1;
                None
            }
        };
        if full.is_some_and(|batch| !send(batch)) {
            return Ok(None);
        }
        let more_is_here = reader.buffer().contains(&b'\n');
        if !more_is_here && batcher.take().is_some_and(|batch| !send(batch)) {
            return Ok(None);
        }
    }
    let unwanted = batcher.take().is_some_and(|batch| !send(batch));
    Ok((!unwanted).then_some(End { place, passed }))
}

/// A line as it was read, with its end.
struct RawLine {
    /// At most [`MAX_LINE_BYTES`] of it.
    content: Vec<u8>,
    bytes: u64,
}

impl RawLine {
    /// The next line, if there is one. Takes bounded memory, whatever its length.
    fn read(reader: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut content = Vec::new();
        let mut bytes = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut content)? as u64;
        if bytes == MAX_LINE_BYTES && content.last() != Some(&b'\n') {
            bytes += reader.skip_until(b'\n')? as u64;
        }
        Ok((bytes > 0).then_some(Self { content, bytes }))
    }

    fn is_blank(&self) -> bool {
        !self.is_cut() && self.content.trim_ascii().is_empty()
    }

    fn is_cut(&self) -> bool {
        self.bytes > self.content.len() as u64
    }

    /// The line, if it is of this run's part.
    fn into_line(self, place: Place, passed: u64, plan: &Plan) -> Option<Line> {
        let content = self.content.trim_ascii_end();
        let document = if self.is_cut() {
            Err(too_long(usize::try_from(self.bytes).unwrap_or(usize::MAX)))
        } else {
            plan.mapping.document(content)
        };
        if !plan.part.has(content, document.as_ref().ok()) {
            return None;
        }
        let text = (!self.is_cut()).then(|| String::from_utf8_lossy(content).into_owned());
        let document = document.and_then(|document| encode(&document)).map(Into::into);
        Some(Line { place, passed, text, document })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(shard: &str) -> Plan {
        let mapping = Mapping { id_field: "id".to_owned(), text_field: "text".to_owned(), payload_fields: None };
        Plan { mapping, part: Part { shard: shard.parse().unwrap(), collection: "docs".to_owned() } }
    }

    fn batches(input: impl Read, skip: u64) -> Vec<Vec<Line>> {
        let mut batches = Vec::new();
        let send = |batch| {
            batches.push(batch);
            true
        };
        assert!(read(&mut BufReader::new(input), &plan("0/1"), Place::default(), skip, send).unwrap().is_some());
        batches
    }

    /// Hands out one piece a read, as a pipe does whose writer is slow.
    struct Pipe(Vec<&'static str>);

    impl Read for Pipe {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0).as_bytes();
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn lines_keep_their_numbers_offsets_and_texts() {
        let input = "{\"text\": \"a\"}\r\n\n  \nno json\n{\"text\": \"b\"}";
        let lines = batches(input.as_bytes(), 0).concat();
        let seen: Vec<_> =
            lines.iter().map(|line| (line.place.lines, line.place.bytes, line.document.is_ok())).collect();
        assert_eq!(seen, [(1, 15, true), (4, 27, false), (5, 40, true)]);
        assert_eq!(lines[1].text.as_deref(), Some("no json"));
        let skipped: Vec<_> = batches(input.as_bytes(), 4).concat().iter().map(|line| line.place.lines).collect();
        assert_eq!(skipped, [5]);
    }

    #[test]
    fn lines_that_are_here_go_together_and_do_not_wait_for_others() {
        let pieces = vec!["{\"text\": \"a\"}\n{\"text\": \"b\"}\n{\"te", "xt\": \"c\"}\n", "{\"text\": \"d\"}\n"];
        let numbers: Vec<Vec<u64>> =
            batches(Pipe(pieces), 0).iter().map(|batch| batch.iter().map(|line| line.place.lines).collect()).collect();
        assert_eq!(numbers, [vec![1, 2], vec![3], vec![4]]);
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let input = io::repeat(b'x').take(MAX_LINE_BYTES + 5).chain(&b"\n{\"text\": \"a\"}\n"[..]);
        let lines = batches(input, 0).concat();
        assert_eq!(lines[0].place, Place { lines: 1, bytes: MAX_LINE_BYTES + 6 });
        assert_eq!(lines[0].text, None);
        assert_eq!(lines[0].document.as_ref().unwrap_err().reason, "TEXT_TOO_LONG");
        assert!(lines[1].document.is_ok());
    }

    #[test]
    fn reading_stops_when_nobody_listens() {
        let mut sent = 0;
        let input = "{\"text\": \"a\"}\n".repeat(1000);
        let send = |_| {
            sent += 1;
            false
        };
        assert_eq!(read(&mut BufReader::new(input.as_bytes()), &plan("0/1"), Place::default(), 0, send).unwrap(), None);
        assert_eq!(sent, 1);
    }

    #[test]
    fn shards_have_every_line_once_and_count_those_of_the_others() {
        let readable = |id: usize| format!("{{\"id\": {id}, \"text\": \"a\"}}\n");
        let input: String =
            (0..300).map(|id| if id % 7 == 0 { format!("no json {id}\n\n") } else { readable(id) }).collect();
        let blank = (0..300).filter(|id| id % 7 == 0).count() as u64;
        let mut seen = Vec::new();
        for shard in ["0/3", "1/3", "2/3"] {
            let mut lines: Vec<Line> = Vec::new();
            let send = |batch| {
                lines.extend(batch);
                true
            };
            let end =
                read(&mut BufReader::new(input.as_bytes()), &plan(shard), Place::default(), 0, send).unwrap().unwrap();
            assert_eq!(end.place, Place { lines: 300 + blank, bytes: input.len() as u64 });
            let passed: u64 = lines.iter().map(|line| line.passed).sum::<u64>() + end.passed;
            assert_eq!(lines.len() as u64 + passed, 300);
            assert!((70..130).contains(&lines.len()), "{}", lines.len());
            seen.extend(lines.iter().map(|line| line.text.clone().unwrap()));
        }
        let mut expected: Vec<_> = input.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        expected.sort_unstable();
        seen.sort_unstable();
        assert_eq!(seen, expected);
    }
}
