//! Splits a file into lines with bounded memory.

use std::io;

use super::content_reader::ContentReader;
use super::line_endings::LineEndScanner;
use super::{FilePosition, NextRecord, Record};
use crate::cli::ingest::input_position::InputPosition;
use crate::proto::{Document, ItemError};

/// Maximum number of bytes kept of one record; longer records are truncated and rejected.
pub const MAX_RECORD_BYTES: usize = 32 << 20;

/// Reader of the lines of a file, in order.
pub struct LineReader {
    content: ContentReader,
    line_ends: LineEndScanner,
    lines_read: u64,
}

/// Line without its line ending and without a leading byte-order mark.
pub struct RawLine {
    /// Bytes of the line, at most [`MAX_RECORD_BYTES`].
    pub content: Vec<u8>,
    /// Length of the whole line with its line ending, in bytes.
    pub total_bytes: u64,
    /// Line number, from 1.
    pub number: u64,
    /// True if `content` holds only the beginning of the line.
    pub is_truncated: bool,
    /// True if the line has a line ending. The last line of a file may have none while it is still being written.
    pub is_terminated: bool,
}

impl RawLine {
    pub fn is_blank(&self) -> bool {
        !self.is_truncated && self.content.trim_ascii().is_empty()
    }

    /// Converts a blank line. Without a line ending, at the end of a file, it may be the start of a record.
    pub fn to_blank_record(&self) -> NextRecord {
        if self.is_terminated { NextRecord::Blank } else { NextRecord::UnterminatedBlank }
    }

    /// Converts the line into a record with its document.
    pub fn into_record(self, document: Result<Document, ItemError>) -> Record {
        let Self { content, number, is_truncated, is_terminated, .. } = self;
        Record { number, content, is_complete: !is_truncated, is_terminated, document }
    }
}

impl LineReader {
    /// Opens the content and skips the lines that an earlier run read.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn open(mut content: ContentReader, resume_at: InputPosition) -> io::Result<Self> {
        let mut line_ends = LineEndScanner::default();
        content.skip_to(resume_at.offset, |bytes| line_ends.observe(bytes))?;
        // Without an offset nothing is skipped, so lines are counted from the start.
        let lines_read = if resume_at.offset > 0 { resume_at.row } else { 0 };
        Ok(Self { content, line_ends, lines_read })
    }

    /// Returns the next line; `None` at the end of the file.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn next_line(&mut self) -> io::Result<Option<RawLine>> {
        let skipped = self.line_ends.skip_lf(self.content.fill_buf()?);
        self.content.consume(skipped);
        self.content.skip_bom()?;
        let (mut content, mut total_bytes, mut is_truncated, mut is_terminated) = (Vec::new(), 0, false, false);
        while !is_terminated {
            let buffer = self.content.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let line_end = self.line_ends.find_end(buffer);
            is_terminated = line_end.is_some();
            let chunk = buffer.get(..line_end.unwrap_or(buffer.len())).unwrap_or(buffer);
            let kept = chunk.len().min(MAX_RECORD_BYTES - content.len());
            is_truncated |= kept < chunk.len();
            content.extend_from_slice(chunk.get(..kept).unwrap_or(chunk));
            total_bytes += chunk.len() as u64;
            let chunk_len = chunk.len();
            self.content.consume(chunk_len);
        }
        if total_bytes == 0 {
            return Ok(None);
        }
        self.lines_read += 1;
        content.truncate(self.line_ends.trim_end(&content).len());
        Ok(Some(RawLine { content, total_bytes, number: self.lines_read, is_truncated, is_terminated }))
    }

    /// Returns the current read position.
    pub fn position(&self) -> FilePosition {
        FilePosition::new(self.lines_read, &self.content)
    }

    /// Returns whether reading the next line may block.
    pub fn may_block(&self) -> bool {
        self.content.may_block()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use proptest::prelude::*;

    use super::super::byte_stream::ByteStream;
    use super::*;

    fn open_lines(reader: impl Read + Send + 'static) -> LineReader {
        LineReader::open(ContentReader::new(ByteStream::from_reader(reader), false), InputPosition::default()).unwrap()
    }

    #[test]
    fn an_unterminated_line_uses_bounded_memory() {
        let long = MAX_RECORD_BYTES as u64 + 5;
        let mut reader = open_lines(io::repeat(b'x').take(long).chain(Cursor::new(b"\n a \n")));
        let first = reader.next_line().unwrap().unwrap();
        assert_eq!((first.content.len(), first.total_bytes, first.is_truncated), (MAX_RECORD_BYTES, long + 1, true));
        let second = reader.next_line().unwrap().unwrap();
        assert_eq!((second.content.as_slice(), second.number, second.is_truncated), (&b" a "[..], 2, false));
        assert!(reader.next_line().unwrap().is_none());
        assert_eq!((reader.position().rows, reader.position().disk_bytes), (2, long + 5));
    }

    /// Returns the expected lines, by the kind of the first line ending.
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
        /// Property: the lines are the text between the line endings, without a leading byte-order mark.
        #[test]
        fn lines_are_those_of_the_text(text in "[a-z\u{e9}\r\n ]{0,64}", mark: bool) {
            let marked = format!("{}{text}", if mark { "\u{feff}" } else { "" });
            let length = marked.len() as u64;
            let mut reader = open_lines(Cursor::new(marked.into_bytes()));
            let mut lines = Vec::new();
            while let Some(line) = reader.next_line().unwrap() {
                prop_assert_eq!(line.number, lines.len() as u64 + 1);
                lines.push(String::from_utf8(line.content).unwrap());
            }
            prop_assert_eq!(lines, expected_lines(&text));
            prop_assert_eq!(reader.position().disk_bytes, length);
        }
    }
}
