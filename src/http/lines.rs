//! Newline-delimited JSON as it comes: whole lines, and a bound on each.

use bytes::{Buf, Bytes, BytesMut};
use tonic::Status;

use super::request_body::RequestBody;

/// The most lines that are taken at once, and the most bytes, unless one line alone has more.
const MAX_LINES: usize = 256;
const MAX_BYTES: usize = 256 << 10;

/// A line that is not blank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Whole(Bytes),
    /// It had more bytes than a line may have, which were thrown away.
    TooLong,
}

/// The lines of a body.
#[derive(Debug)]
pub struct Lines {
    body: RequestBody,
    cutter: Cutter,
    ended: bool,
}

impl Lines {
    /// Lines of at most `max` bytes.
    pub fn new(body: RequestBody, max: usize) -> Self {
        Self { body, cutter: Cutter::new(max), ended: false }
    }

    /// The next lines, at least one; `None` at the end. Nothing is read while lines are left.
    ///
    /// # Errors
    /// If the client has gone. A line that it had begun is no line.
    pub async fn next(&mut self) -> Result<Option<Vec<Line>>, Status> {
        loop {
            let lines = self.cutter.take();
            if !lines.is_empty() {
                return Ok(Some(lines));
            }
            if self.ended {
                return Ok(None);
            }
            match self.body.piece().await? {
                Some(piece) => self.cutter.put(&piece),
                None => {
                    self.ended = true;
                    self.cutter.put(b"\n");
                }
            }
        }
    }
}

/// Cuts bytes into lines.
#[derive(Debug)]
struct Cutter {
    max: usize,
    buffer: BytesMut,
    /// How many bytes of the buffer are known to hold no newline.
    searched: usize,
    /// In a line of which the beginning was thrown away.
    in_long_line: bool,
}

impl Cutter {
    fn new(max: usize) -> Self {
        Self { max, buffer: BytesMut::new(), searched: 0, in_long_line: false }
    }

    fn put(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Lines that are complete, up to the bounds of one batch.
    fn take(&mut self) -> Vec<Line> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while lines.len() < MAX_LINES && bytes < MAX_BYTES {
            let Some(line) = self.line() else { break };
            if let Line::Whole(line) = &line {
                bytes += line.len();
                if line.trim_ascii().is_empty() {
                    continue;
                }
            }
            lines.push(line);
        }
        lines
    }

    fn line(&mut self) -> Option<Line> {
        let newline = self.buffer.get(self.searched..)?.iter().position(|&byte| byte == b'\n');
        let Some(length) = newline.map(|at| self.searched + at) else {
            self.searched = self.buffer.len();
            if self.searched > self.max {
                self.in_long_line = true;
            }
            if self.in_long_line {
                self.buffer.clear();
                self.searched = 0;
            }
            return None;
        };
        let line = self.buffer.split_to(length).freeze();
        self.buffer.advance(1);
        self.searched = 0;
        let too_long = std::mem::take(&mut self.in_long_line) || length > self.max;
        Some(if too_long { Line::TooLong } else { Line::Whole(line) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The lines of pieces, however they are cut.
    fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, max: usize) -> Vec<Line> {
        let mut cutter = Cutter::new(max);
        let mut all = Vec::new();
        for piece in pieces.into_iter().chain([&b"\n"[..]]) {
            cutter.put(piece);
            loop {
                let lines = cutter.take();
                if lines.is_empty() {
                    break;
                }
                all.extend(lines);
            }
            assert!(cutter.buffer.len() <= max, "{} bytes wait", cutter.buffer.len());
        }
        all
    }

    fn whole(line: &str) -> Line {
        Line::Whole(Bytes::copy_from_slice(line.as_bytes()))
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
            [whole("abcd"), Line::TooLong, whole("abc"), Line::TooLong, whole("x")]
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
            let expected: Vec<_> = lines.map(|line| if line.len() > 5 { Line::TooLong } else { whole(line) }).collect();
            prop_assert_eq!(cut(pieces, 5), expected);
        }
    }
}
