//! Streaming reader of a JSON array of objects; reads one element at a time, so arrays of any size fit in memory.

use std::io;

use anyhow::bail;

use super::content_reader::ContentReader;
use super::line_reader::MAX_RECORD_BYTES;
use super::{FilePosition, NextRecord, Record, RecordReader};
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::{FieldMapping, reject_malformed, reject_too_long};

/// Reader of the elements of a file that holds one JSON array.
pub struct JsonArray {
    content: ContentReader,
    mapping: FieldMapping,
    elements_read: u64,
    state: ArrayState,
}

/// Next token that the reader expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ArrayState {
    BeforeArray,
    FirstElement,
    Element,
    Comma,
    /// After the closing `]`.
    Closed,
}

/// Lexical state of a scan for the end of an element.
#[derive(Debug, Default)]
struct ElementScanner {
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
    has_started: bool,
}

impl JsonArray {
    /// Opens content that starts with an array and skips the elements that an earlier run read.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn open(mut content: ContentReader, mapping: FieldMapping, resume_at: InputPosition) -> io::Result<Self> {
        let mut scanner = ElementScanner::default();
        content.skip_to(resume_at.offset, |bytes| scanner.observe(bytes))?;
        let state = match (scanner.has_started, scanner.depth) {
            (false, _) => ArrayState::BeforeArray,
            (true, 0) => ArrayState::Closed,
            (true, _) if resume_at.row == 0 => ArrayState::FirstElement,
            (true, _) => ArrayState::Comma,
        };
        Ok(Self { content, mapping, elements_read: resume_at.row, state })
    }

    /// Returns the next non-whitespace byte without consuming it.
    fn peek_non_whitespace(&mut self) -> io::Result<Option<u8>> {
        loop {
            let buffer = self.content.fill_buf()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let whitespace = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = buffer.get(whitespace).copied();
            self.content.consume(whitespace);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// Reads one element and consumes its bytes; at most [`MAX_RECORD_BYTES`] are kept.
    fn read_element(&mut self) -> io::Result<NextRecord> {
        let (mut scanner, mut content, mut total_bytes, mut is_terminated) =
            (ElementScanner::default(), Vec::new(), 0, false);
        while !is_terminated {
            let buffer = self.content.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            let end = scanner.find_end(buffer);
            is_terminated = end.is_some();
            let chunk = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or(buffer);
            let kept = chunk.len().min(MAX_RECORD_BYTES - content.len());
            content.extend_from_slice(chunk.get(..kept).unwrap_or(chunk));
            total_bytes += chunk.len() as u64;
            let chunk_len = chunk.len();
            self.content.consume(chunk_len);
        }
        let is_complete = content.len() as u64 == total_bytes;
        content.truncate(content.trim_ascii_end().len());
        // Rejected records are written as one line each; line endings outside of strings are insignificant in JSON.
        content.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        self.elements_read += 1;
        if !is_terminated {
            self.state = ArrayState::Closed;
        }
        let document =
            if is_complete { self.mapping.map_json_line(&content) } else { Err(reject_too_long(total_bytes)) };
        Ok(NextRecord::Record(Record { number: self.elements_read, content, is_complete, is_terminated, document }))
    }

    /// Returns a rejected record for an array that is not closed at the end of the file.
    fn reject_unclosed(&mut self) -> NextRecord {
        (self.state, self.elements_read) = (ArrayState::Closed, self.elements_read + 1);
        let document = Err(reject_malformed(
            "",
            "the JSON array is not closed at the end of the file; transfer or write the file again",
        ));
        NextRecord::Record(Record {
            number: self.elements_read,
            content: Vec::new(),
            is_complete: true,
            is_terminated: false,
            document,
        })
    }
}

impl RecordReader for JsonArray {
    fn next_record(&mut self) -> anyhow::Result<NextRecord> {
        loop {
            self.state = match (self.state, self.peek_non_whitespace()?) {
                (ArrayState::Closed, None) => return Ok(NextRecord::End),
                (ArrayState::Closed, Some(_)) => {
                    bail!("unexpected data after the JSON array; split the file after the closing `]`")
                }
                (_, None) => return Ok(self.reject_unclosed()),
                (ArrayState::BeforeArray, _) => self.consume_and_enter(ArrayState::FirstElement),
                (ArrayState::FirstElement | ArrayState::Comma, Some(b']')) => {
                    self.consume_and_enter(ArrayState::Closed)
                }
                (ArrayState::Comma, Some(b',')) => self.consume_and_enter(ArrayState::Element),
                (ArrayState::Comma, Some(_)) => {
                    bail!("expected `,` or `]` after element {} of the JSON array", self.elements_read)
                }
                (ArrayState::FirstElement | ArrayState::Element, Some(b',' | b']' | b'}')) => {
                    bail!(
                        "expected a value as element {} of the JSON array; remove the extra comma",
                        self.elements_read + 1
                    )
                }
                (ArrayState::FirstElement | ArrayState::Element, Some(_)) => {
                    self.state = ArrayState::Comma;
                    return Ok(self.read_element()?);
                }
            }
        }
    }

    fn position(&self) -> FilePosition {
        FilePosition::new(self.elements_read, &self.content)
    }

    fn may_block(&self) -> bool {
        // Line endings say nothing about element ends, so every read of a stream may block.
        self.content.is_streamed()
    }
}

impl JsonArray {
    fn consume_and_enter(&mut self, next: ArrayState) -> ArrayState {
        self.content.consume(1);
        next
    }
}

impl ElementScanner {
    /// Updates the state for skipped bytes; afterwards, a `depth` of 0 means that the array is closed.
    fn observe(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.is_in_string {
                self.is_in_string = byte != b'"' || self.is_escaped;
                self.is_escaped = byte == b'\\' && !self.is_escaped;
                continue;
            }
            match byte {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.has_started |= byte == b'[';
        }
    }

    /// Returns the index after the element's last byte in the next bytes; `None` if the element continues after them.
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            if self.is_in_string {
                let is_quote = byte == b'"' && !self.is_escaped;
                self.is_escaped = byte == b'\\' && !self.is_escaped;
                self.is_in_string = !is_quote;
                if is_quote && self.depth == 0 {
                    return Some(at + 1);
                }
                continue;
            }
            match byte {
                b'"' => self.is_in_string = true,
                b'{' | b'[' => self.depth += 1,
                // A number or literal ends at the delimiter after it, which is not part of it.
                b',' | b']' | b'}' if self.depth == 0 && self.has_started => return Some(at),
                b']' | b'}' if self.depth == 1 => return Some(at + 1),
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.has_started = true;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::byte_stream::ByteStream;
    use super::*;

    fn read(text: &str) -> anyhow::Result<Vec<(String, bool)>> {
        let mapping = FieldMapping::default();
        let content = ContentReader::new(ByteStream::from_reader(Cursor::new(text.to_owned().into_bytes())), false);
        let mut array = JsonArray::open(content, mapping, InputPosition::default())?;
        let mut records = Vec::new();
        loop {
            match array.next_record()? {
                NextRecord::Record(record) => {
                    let is_ended = record.is_terminated;
                    records.push((String::from_utf8(record.content)?, is_ended));
                    if !is_ended {
                        return Ok(records);
                    }
                }
                _ => return Ok(records),
            }
        }
    }

    #[test]
    fn malformed_arrays_are_reported() {
        assert_eq!(read(" [ ] \n").unwrap(), []);
        assert_eq!(read("[1, \"a]\" ,{\"b\": [2]}]").unwrap().len(), 3);
        assert_eq!(read("[{\"a\": 1}, {\"b").unwrap()[1], ("{\"b".to_owned(), false));
        assert_eq!(read("[{\"a\": 1}").unwrap()[1], (String::new(), false));
        for (text, problem) in [
            ("[\"a\" \"b\"]", "expected `,` or `]`"),
            ("[,1]", "extra comma"),
            ("[1,]", "extra comma"),
            ("[1] 2", "unexpected data after"),
        ] {
            assert!(read(text).unwrap_err().to_string().contains(problem), "{text}");
        }
    }

    proptest! {
        /// Property: the elements equal those that a JSON parser finds, for compact and pretty-printed arrays.
        #[test]
        fn elements_are_those_of_the_array(
            texts in prop::collection::vec(".{0,12}", 0..8),
            is_pretty: bool,
        ) {
            let values: Vec<Value> = texts.iter().map(|text| json!({"text": text, "tags": [text, {"n": 1.5}, null]})).collect();
            let text = if is_pretty { serde_json::to_string_pretty(&values) } else { serde_json::to_string(&values) }.unwrap();
            let read: Vec<Value> = read(&text).unwrap().iter().map(|(element, _)| serde_json::from_str(element).unwrap()).collect();
            prop_assert_eq!(read, values);
        }
    }
}
