//! A file cut into lines, with bounded memory.

use std::io;

use super::content::Content;
use super::line_ends::LineEnds;
use super::{FilePosition, Next, Record};
use crate::cli::ingest::input_position::InputPosition;
use crate::proto::{Document, ItemError};

/// Maximum bytes of a line that are kept; of a longer one only the beginning is.
pub const MAX_PIECE_BYTES: usize = 32 << 20;

/// The lines of a file, in order.
pub struct Pieces {
    content: Content,
    ends: LineEnds,
    rows: u64,
}

/// A line, without its end and without a byte order mark in front of it.
pub struct Piece {
    /// At most [`MAX_PIECE_BYTES`] of it.
    pub content: Vec<u8>,
    /// How many bytes it had.
    pub bytes: u64,
    /// The number of the line, from 1.
    pub number: u64,
    /// Whether more than the content was there.
    pub is_cut: bool,
    /// Whether the line has an end. The last line of a file may have none, because it is still being written.
    pub is_ended: bool,
}

impl Piece {
    pub fn is_blank(&self) -> bool {
        !self.is_cut && self.content.trim_ascii().is_empty()
    }

    /// Returns what a blank line is: at the end of a file, where it has no end itself, it may become a record.
    pub fn as_blank(&self) -> Next {
        if self.is_ended { Next::Blank } else { Next::UnendedBlank }
    }

    /// Returns the record of the line.
    pub fn into_record(self, document: Result<Document, ItemError>) -> Record {
        let Self { content, number, is_cut, is_ended, .. } = self;
        Record { number, content, is_whole: !is_cut, is_ended, document }
    }
}

impl Pieces {
    /// Takes content, and skips the lines that an earlier run read.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn after(mut content: Content, done: InputPosition) -> io::Result<Self> {
        let mut ends = LineEnds::default();
        content.skip_to(done.offset, |bytes| ends.observe(bytes))?;
        // Without an offset the lines are counted again.
        let rows = if done.offset > 0 { done.row } else { 0 };
        Ok(Self { content, ends, rows })
    }

    /// Returns the next line.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn next_line(&mut self) -> io::Result<Option<Piece>> {
        let skipped = self.ends.skip_lf(self.content.fill()?);
        self.content.consume(skipped);
        self.content.skip_mark()?;
        let (mut content, mut bytes, mut is_cut, mut is_ended) = (Vec::new(), 0, false, false);
        while !is_ended {
            let buffer = self.content.fill()?;
            if buffer.is_empty() {
                break;
            }
            let found = self.ends.find(buffer);
            is_ended = found.is_some();
            let part = buffer.get(..found.unwrap_or(buffer.len())).unwrap_or(buffer);
            let kept = part.len().min(MAX_PIECE_BYTES - content.len());
            is_cut |= kept < part.len();
            content.extend_from_slice(part.get(..kept).unwrap_or(part));
            bytes += part.len() as u64;
            let length = part.len();
            self.content.consume(length);
        }
        if bytes == 0 {
            return Ok(None);
        }
        self.rows += 1;
        content.truncate(self.ends.trim(&content).len());
        Ok(Some(Piece { content, bytes, number: self.rows, is_cut, is_ended }))
    }

    /// Returns how far the file is read.
    pub fn at(&self) -> FilePosition {
        FilePosition::of(self.rows, &self.content)
    }

    /// Tells whether the next line may have to be waited for.
    pub fn may_wait(&self) -> bool {
        self.content.may_wait()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use proptest::prelude::*;

    use super::super::compressed::Bytes;
    use super::*;

    fn pieces(reader: impl Read + Send + 'static) -> Pieces {
        Pieces::after(Content::new(Bytes::plain(reader), false), InputPosition::default()).unwrap()
    }

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let long = MAX_PIECE_BYTES as u64 + 5;
        let mut pieces = pieces(io::repeat(b'x').take(long).chain(Cursor::new(b"\n a \n")));
        let first = pieces.next_line().unwrap().unwrap();
        assert_eq!((first.content.len(), first.bytes, first.is_cut), (MAX_PIECE_BYTES, long + 1, true));
        let second = pieces.next_line().unwrap().unwrap();
        assert_eq!((second.content.as_slice(), second.number, second.is_cut), (&b" a "[..], 2, false));
        assert!(pieces.next_line().unwrap().is_none());
        assert_eq!((pieces.at().rows, pieces.at().bytes), (2, long + 5));
    }

    /// The lines by the kind of the first end.
    fn expected_lines(text: &str) -> Vec<String> {
        let first = text.find(['\r', '\n']).map(|at| &text[at..]);
        if first.is_none_or(|first| first.starts_with('\n') || first.starts_with("\r\n")) {
            let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
            // The last line may be cut between CR and LF.
            if let Some(last) = lines.last_mut().filter(|_| !text.ends_with('\n')) {
                *last = last.strip_suffix('\r').unwrap_or(last).to_owned();
            }
            return lines;
        }
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        text.lines().map(str::to_owned).collect()
    }

    proptest! {
        /// Law: lines are what lies between the ends of lines, without the mark in front.
        #[test]
        fn lines_are_those_of_the_text(text in "[a-z\u{e9}\r\n ]{0,64}", mark: bool) {
            let marked = format!("{}{text}", if mark { "\u{feff}" } else { "" });
            let length = marked.len() as u64;
            let mut pieces = pieces(Cursor::new(marked.into_bytes()));
            let mut lines = Vec::new();
            while let Some(line) = pieces.next_line().unwrap() {
                prop_assert_eq!(line.number, lines.len() as u64 + 1);
                lines.push(String::from_utf8(line.content).unwrap());
            }
            prop_assert_eq!(lines, expected_lines(&text));
            prop_assert_eq!(pieces.at().bytes, length);
        }
    }
}
