//! Newline-delimited JSON: splits a body into lines of bounded length.

use bytes::{Buf, Bytes, BytesMut};
use tonic::Status;

use super::request_body::RequestBody;

/// Maximum number of lines per batch.
const MAX_BATCH_LINES: usize = 256;
/// Number of bytes after which a batch is complete.
const MAX_BATCH_BYTES: usize = 256 << 10;

/// Line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputLine {
    Complete(Bytes),
    /// Line over the maximum length, whose content was discarded.
    TooLong,
}

/// Reader of the lines of a body.
#[derive(Debug)]
pub struct BodyLineReader {
    body: RequestBody,
    splitter: LineSplitter,
    is_ended: bool,
}

impl BodyLineReader {
    /// Creates a reader of lines of at most `max_line_bytes` bytes.
    pub fn new(body: RequestBody, max_line_bytes: usize) -> Self {
        Self { body, splitter: LineSplitter::new(max_line_bytes), is_ended: false }
    }

    /// Returns the next lines, at least one; `None` at the end. Reads from the body only if no complete line is buffered.
    ///
    /// # Errors
    /// `CANCELLED` if the client disconnected. An incomplete line is then discarded.
    pub async fn next_batch(&mut self) -> Result<Option<Vec<InputLine>>, Status> {
        loop {
            let lines = self.splitter.take_batch();
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
            if self.is_ended {
                return Ok(None);
            }
            match self.body.next_chunk().await? {
                Some(chunk) => self.splitter.push(&chunk),
                None => {
                    self.is_ended = true;
                    // The last line may have no newline.
                    self.splitter.push(b"\n");
                }
            }
        }
    }
}

/// Splits bytes into lines.
#[derive(Debug)]
struct LineSplitter {
    max_line_bytes: usize,
    buffer: BytesMut,
    /// Number of bytes at the start of the buffer that contain no newline, so that they are searched only once.
    searched: usize,
    /// The buffer continues a line over the maximum length, whose beginning was discarded.
    is_in_long_line: bool,
}

impl LineSplitter {
    fn new(max_line_bytes: usize) -> Self {
        Self { max_line_bytes, buffer: BytesMut::new(), searched: 0, is_in_long_line: false }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Removes and returns complete lines, up to the bounds of a batch.
    fn take_batch(&mut self) -> Vec<InputLine> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while lines.len() < MAX_BATCH_LINES && bytes < MAX_BATCH_BYTES {
            let Some(line) = self.next_line() else { break };
            if let InputLine::Complete(line) = &line {
                bytes += line.len();
                if line.trim_ascii().is_empty() {
                    continue;
                }
            }
            lines.push(line);
        }
        lines
    }

    fn next_line(&mut self) -> Option<InputLine> {
        let newline = self.buffer.get(self.searched..)?.iter().position(|&byte| byte == b'\n');
        let Some(length) = newline.map(|offset| self.searched + offset) else {
            self.searched = self.buffer.len();
            if self.searched > self.max_line_bytes {
                self.is_in_long_line = true;
            }
            if self.is_in_long_line {
                self.buffer.clear();
                self.searched = 0;
            }
            return None;
        };
        let line = self.buffer.split_to(length).freeze();
        self.buffer.advance(1);
        self.searched = 0;
        let is_too_long = std::mem::take(&mut self.is_in_long_line) || length > self.max_line_bytes;
        Some(if is_too_long { InputLine::TooLong } else { InputLine::Complete(line) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the lines of a body that arrives in `chunks`.
    fn split<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, max: usize) -> Vec<InputLine> {
        let mut splitter = LineSplitter::new(max);
        let mut all = Vec::new();
        for chunk in chunks.into_iter().chain([&b"\n"[..]]) {
            splitter.push(chunk);
            loop {
                let lines = splitter.take_batch();
                if lines.is_empty() {
                    break;
                }
                all.extend(lines);
            }
            assert!(splitter.buffer.len() <= max, "{} bytes are buffered", splitter.buffer.len());
        }
        all
    }

    fn complete(line: &str) -> InputLine {
        InputLine::Complete(Bytes::copy_from_slice(line.as_bytes()))
    }

    #[test]
    fn blank_lines_are_skipped_and_the_last_needs_no_newline() {
        assert_eq!(split([&b"a\n\n \r\nb"[..]], 10), [complete("a"), complete("b")]);
        assert_eq!(split([&b""[..]], 10), []);
    }

    #[test]
    fn a_line_that_is_too_long_does_not_affect_the_next() {
        assert_eq!(
            split([&b"abcd\nab"[..], b"cde\nabc", b"\nabcdefgh\nx"], 4),
            [complete("abcd"), InputLine::TooLong, complete("abc"), InputLine::TooLong, complete("x")]
        );
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_chunks(text in "[ab\n]{0,80}", cuts in prop::collection::vec(0_usize..80, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([bytes.len()]);
            let begins = [0].into_iter().chain(cuts.iter().copied());
            let chunks = begins.zip(ends).map(|(begin, end)| &bytes[begin..end]);
            let lines = text.split('\n').filter(|line| !line.is_empty());
            let expected: Vec<_> = lines.map(|line| if line.len() > 5 { InputLine::TooLong } else { complete(line) }).collect();
            prop_assert_eq!(split(chunks, 5), expected);
        }
    }
}
