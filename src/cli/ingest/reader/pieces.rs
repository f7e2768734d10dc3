//! A stream cut into lines, or into whatever ends with a line, with bounded memory.

use std::io::{self, BufRead};

use super::At;
use super::compressed::Bytes;

/// The most of a piece that is kept; of a longer one only its beginning is.
pub const MAX_PIECE_BYTES: usize = 32 << 20;

/// The mark that some programs put in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The pieces of a stream, in order.
pub struct Pieces {
    bytes: Bytes,
    begun: bool,
    rows: u64,
    offset: u64,
}

/// A piece, without its line's end.
pub struct Piece {
    /// At most [`MAX_PIECE_BYTES`] of it.
    pub content: Vec<u8>,
    /// How many bytes it had.
    pub bytes: u64,
    /// The number of its first line, from 1.
    pub number: u64,
    /// Whether more than the content was there.
    pub is_cut: bool,
}

impl Piece {
    pub fn is_blank(&self) -> bool {
        !self.is_cut && self.content.trim_ascii().is_empty()
    }
}

impl Pieces {
    pub fn new(bytes: Bytes) -> Self {
        Self { bytes, begun: false, rows: 0, offset: 0 }
    }

    /// Goes to where a run left off, if it can be sought; else it begins at the beginning.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn seek(&mut self, row: u64, offset: u64) -> io::Result<()> {
        if self.bytes.seek_line(offset)? {
            (self.begun, self.rows, self.offset) = (true, row, offset);
        }
        Ok(())
    }

    /// The next line.
    pub fn next_line(&mut self) -> io::Result<Option<Piece>> {
        self.next(|bytes| bytes.iter().position(|&byte| byte == b'\n').map(|at| at + 1))
    }

    /// The next piece. `end` is given the bytes one after the other, and says where in them it ends.
    ///
    /// # Errors
    /// If the stream can't be read.
    pub fn next(&mut self, mut end: impl FnMut(&[u8]) -> Option<usize>) -> io::Result<Option<Piece>> {
        self.skip_mark()?;
        let (mut content, mut bytes, mut lines, mut is_cut) = (Vec::new(), 0, 0, false);
        let mut ended = false;
        let reader = self.bytes.reader();
        while !ended {
            let buffer = match reader.fill_buf() {
                Ok([]) => break,
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let found = end(buffer);
            ended = found.is_some();
            let part = buffer.get(..found.unwrap_or(buffer.len())).unwrap_or(buffer);
            lines += part.iter().filter(|&&byte| byte == b'\n').count() as u64;
            let kept = part.len().min(MAX_PIECE_BYTES - content.len());
            is_cut |= kept < part.len();
            content.extend_from_slice(part.get(..kept).unwrap_or(part));
            bytes += part.len() as u64;
            let length = part.len();
            reader.consume(length);
        }
        if bytes == 0 {
            return Ok(None);
        }
        let number = self.rows + 1;
        self.rows += lines + u64::from(!ended);
        self.offset += bytes;
        let line_end = [&b"\r\n"[..], b"\n"].into_iter().find(|end| content.ends_with(end)).map_or(0, <[u8]>::len);
        content.truncate(content.len() - line_end);
        Ok(Some(Piece { content, bytes, number, is_cut }))
    }

    fn skip_mark(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.begun, true) {
            let reader = self.bytes.reader();
            if reader.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
                reader.consume(BYTE_ORDER_MARK.len());
                self.offset += BYTE_ORDER_MARK.len() as u64;
            }
        }
        Ok(())
    }

    /// How far it is read.
    pub fn at(&self) -> At {
        let offset = if self.bytes.is_plain_file() { self.offset } else { 0 };
        At { rows: self.rows, offset, bytes: self.bytes.packed().unwrap_or(self.offset) }
    }

    /// Whether the next line may have to be waited for.
    pub fn may_wait(&self) -> bool {
        self.bytes.may_wait()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_without_end_takes_bounded_memory() {
        let long = MAX_PIECE_BYTES as u64 + 5;
        let mut pieces = Pieces::new(Bytes::plain(io::repeat(b'x').take(long).chain(Cursor::new(b"\n a \n"))));
        let first = pieces.next_line().unwrap().unwrap();
        assert_eq!((first.content.len(), first.bytes, first.is_cut), (MAX_PIECE_BYTES, long + 1, true));
        let second = pieces.next_line().unwrap().unwrap();
        assert_eq!((second.content.as_slice(), second.number, second.is_cut), (&b" a "[..], 2, false));
        assert!(pieces.next_line().unwrap().is_none());
        assert_eq!((pieces.at().rows, pieces.at().bytes), (2, long + 5));
    }

    proptest! {
        /// Law: lines are what lies between the ends of lines, without the mark in front.
        #[test]
        fn lines_are_those_of_the_text(text in "[a-z\u{e9}\r\n ]{0,64}", mark: bool) {
            let marked = format!("{}{text}", if mark { "\u{feff}" } else { "" });
            let mut pieces = Pieces::new(Bytes::plain(Cursor::new(marked.clone().into_bytes())));
            let mut lines = Vec::new();
            while let Some(line) = pieces.next_line().unwrap() {
                prop_assert_eq!(line.number, lines.len() as u64 + 1);
                lines.push(String::from_utf8(line.content).unwrap());
            }
            let expected: Vec<_> = text.lines().map(str::to_owned).collect();
            prop_assert_eq!(lines, expected);
            let read = if text.is_empty() { 0 } else { marked.len() as u64 };
            prop_assert!(pieces.at().bytes >= read);
        }
    }
}
