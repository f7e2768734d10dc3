//! The input, read on a thread of its own.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::thread;

use tokio::sync::mpsc;

use super::batch::{Batcher, Line};
use super::line::{Mapping, too_long};
use super::on_file;

/// The longest line that is kept; of a longer one only the number is.
const MAX_LINE_BYTES: u64 = 32 << 20;

const BUFFER_BYTES: usize = 256 << 10;

/// How many batches wait to be sent.
const QUEUE: usize = 2;

/// Batches of lines; an error ends them.
pub type Batches = mpsc::Receiver<io::Result<Vec<Line>>>;

/// What is read: a file or standard input.
pub struct Input {
    reader: Box<dyn Read + Send>,
    bytes: Option<u64>,
}

impl Input {
    /// Opens a file, or standard input for `-`.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if is_stdin(path) {
            return Ok(Self { reader: Box::new(io::stdin()), bytes: None });
        }
        let file = on_file(File::open(path), "open", path)?;
        let metadata = on_file(file.metadata(), "read", path)?;
        anyhow::ensure!(!metadata.is_dir(), "{} is a folder; give a file of JSON lines", path.display());
        // A pipe has no size.
        let bytes = metadata.is_file().then_some(metadata.len());
        Ok(Self { reader: Box::new(file), bytes })
    }

    /// How many bytes there are, where that is known.
    pub fn bytes(&self) -> Option<u64> {
        self.bytes
    }
}

pub fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Starts the thread. It ends with the input, or when the batches are no longer received. It is never waited for,
/// since it may be stuck in a read of a terminal.
pub fn spawn(input: Input, mapping: Mapping, skip: u64) -> io::Result<Batches> {
    let (sender, batches) = mpsc::channel(QUEUE);
    thread::Builder::new().name("ingest-reader".to_owned()).spawn(move || {
        let mut reader = BufReader::with_capacity(BUFFER_BYTES, input.reader);
        let send = |batch| sender.blocking_send(Ok(batch)).is_ok();
        if let Err(error) = read(&mut reader, &mapping, skip, send) {
            // Nobody listens any more: then there is nobody to tell.
            let _ = sender.blocking_send(Err(error));
        }
    })?;
    Ok(batches)
}

/// Reads lines to the end, and sends them in batches until `send` says that nobody wants more. A batch is sent as soon
/// as the next read might block, so a slow producer's lines don't wait for each other.
pub fn read<R: Read>(
    reader: &mut BufReader<R>,
    mapping: &Mapping,
    skip: u64,
    mut send: impl FnMut(Vec<Line>) -> bool,
) -> io::Result<()> {
    let mut batcher = Batcher::default();
    let mut number = 0;
    let mut offset = 0;
    while let Some(raw) = RawLine::read(reader)? {
        number += 1;
        offset += raw.bytes;
        if number <= skip || raw.is_blank() {
            continue;
        }
        if batcher.push(raw.into_line(number, offset, mapping)).is_some_and(|batch| !send(batch)) {
            return Ok(());
        }
        let more_is_here = reader.buffer().contains(&b'\n');
        if !more_is_here && batcher.take().is_some_and(|batch| !send(batch)) {
            return Ok(());
        }
    }
    if let Some(batch) = batcher.take() {
        send(batch);
    }
    Ok(())
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

    fn into_line(self, number: u64, offset: u64, mapping: &Mapping) -> Line {
        if self.is_cut() {
            let bytes = usize::try_from(self.bytes).unwrap_or(usize::MAX);
            return Line { number, offset, text: None, document: Err(too_long(bytes)) };
        }
        let content = self.content.trim_ascii_end();
        let document = mapping.encode(content).map(Into::into);
        Line { number, offset, text: Some(String::from_utf8_lossy(content).into_owned()), document }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping() -> Mapping {
        Mapping { id_field: "id".to_owned(), text_field: "text".to_owned(), payload_fields: None }
    }

    fn batches(input: impl Read, skip: u64) -> Vec<Vec<Line>> {
        let mut batches = Vec::new();
        let send = |batch| {
            batches.push(batch);
            true
        };
        read(&mut BufReader::new(input), &mapping(), skip, send).unwrap();
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
        let seen: Vec<_> = lines.iter().map(|line| (line.number, line.offset, line.document.is_ok())).collect();
        assert_eq!(seen, [(1, 15, true), (4, 27, false), (5, 40, true)]);
        assert_eq!(lines[1].text.as_deref(), Some("no json"));
        let skipped: Vec<_> = batches(input.as_bytes(), 4).concat().iter().map(|line| line.number).collect();
        assert_eq!(skipped, [5]);
    }

    #[test]
    fn lines_that_are_here_go_together_and_do_not_wait_for_others() {
        let pieces = vec!["{\"text\": \"a\"}\n{\"text\": \"b\"}\n{\"te", "xt\": \"c\"}\n", "{\"text\": \"d\"}\n"];
        let numbers: Vec<Vec<u64>> =
            batches(Pipe(pieces), 0).iter().map(|batch| batch.iter().map(|line| line.number).collect()).collect();
        assert_eq!(numbers, [vec![1, 2], vec![3], vec![4]]);
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let input = io::repeat(b'x').take(MAX_LINE_BYTES + 5).chain(&b"\n{\"text\": \"a\"}\n"[..]);
        let lines = batches(input, 0).concat();
        assert_eq!((lines[0].number, lines[0].offset, lines[0].text.as_deref()), (1, MAX_LINE_BYTES + 6, None));
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
        read(&mut BufReader::new(input.as_bytes()), &mapping(), 0, send).unwrap();
        assert_eq!(sent, 1);
    }
}
