//! Newline-delimited JSON as it comes: whole lines, and a bound on each.

use bytes::{Buf, Bytes, BytesMut};
use tonic::Status;

use super::request_body::RequestBody;

/// The most lines that are taken at once, and the most bytes, unless one line alone has more.
const MAX_BATCH_LINES: usize = 256;
const MAX_BATCH_BYTES: usize = 256 << 10;

/// A line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputLine {
    Complete(Bytes),
    /// It had more bytes than a line may have, which were thrown away.
    TooLong,
}

/// The lines of a body.
#[derive(Debug)]
pub struct LineReader {
    body: RequestBody,
    splitter: LineSplitter,
    is_ended: bool,
}

impl LineReader {
    /// Lines of at most `max` bytes.
    pub fn new(body: RequestBody, max_line_bytes: usize) -> Self {
        Self { body, splitter: LineSplitter::new(max_line_bytes), is_ended: false }
    }

    /// The next lines, at least one; `None` at the end. Nothing is read while lines are left.
    ///
    /// # Errors
    /// If the client has gone. A line that it had begun is no line.
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
                    self.splitter.push(b"\n");
                }
            }
        }
    }
}

/// Cuts bytes into lines.
#[derive(Debug)]
struct LineSplitter {
    max_line_bytes: usize,
    buffer: BytesMut,
    /// How many bytes of the buffer are known to hold no newline.
    searched: usize,
    /// In a line of which the beginning was thrown away.
    is_in_long_line: bool,
}

impl LineSplitter {
    fn new(max_line_bytes: usize) -> Self {
        Self { max_line_bytes, buffer: BytesMut::new(), searched: 0, is_in_long_line: false }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Lines that are complete, up to the bounds of one batch.
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

    /// The lines of pieces, however they are cut.
    fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, max: usize) -> Vec<InputLine> {
        let mut cutter = LineSplitter::new(max);
        let mut all = Vec::new();
        for piece in pieces.into_iter().chain([&b"\n"[..]]) {
            cutter.push(piece);
            loop {
                let lines = cutter.take_batch();
                if lines.is_empty() {
                    break;
                }
                all.extend(lines);
            }
            assert!(cutter.buffer.len() <= max, "{} bytes wait", cutter.buffer.len());
        }
        all
    }

    fn whole(line: &str) -> InputLine {
        InputLine::Complete(Bytes::copy_from_slice(line.as_bytes()))
    }

    #[test]
    fn blank_lines_are_passed_over_and_the_last_needs_no_newline() {
        assert_eq!(cut([&b"a\n\n \r\nb"[..]], 10), [whole("a"), whole("b")]);
        assert_eq!(cut([&b""[..]], 10), []);
    }

    #[test]
    fn a_line_that_is_too_long_is_a_line_and_the_next_is_whole() {
        assert_eq!(
            cut([&b"abcd\nab"[..], b"cde\nabc", b"\nabcdefgh\nx"], 4),
            [whole("abcd"), InputLine::TooLong, whole("abc"), InputLine::TooLong, whole("x")]
        );
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_pieces(text in "[ab\n]{0,80}", cuts in prop::collection::vec(0_usize..80, 0..6)) {
            let bytes = text.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(bytes.len())).collect();
            cuts.sort_unstable();
            let ends = cuts.iter().copied().chain([bytes.len()]);
            let begins = [0].into_iter().chain(cuts.iter().copied());
            let pieces = begins.zip(ends).map(|(begin, end)| &bytes[begin..end]);
            let lines = text.split('\n').filter(|line| !line.is_empty());
            let expected: Vec<_> = lines.map(|line| if line.len() > 5 { InputLine::TooLong } else { whole(line) }).collect();
            prop_assert_eq!(cut(pieces, 5), expected);
        }
    }
}
