//! A JSON array of objects: an element after the other, whatever its size.

use std::io;

use anyhow::bail;

use super::content::Content;
use super::pieces::MAX_PIECE_BYTES;
use super::{FilePosition, Next, Record, Records};
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::{Mapping, malformed, too_long};

/// The elements of the array that a file is.
pub struct JsonArray {
    content: Content,
    mapping: Mapping,
    rows: u64,
    state: State,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Array,
    FirstElement,
    Element,
    Comma,
    /// The array is closed.
    Nothing,
}

/// Where a scanner is in an element.
#[derive(Debug, Default)]
struct Scanner {
    depth: usize,
    is_string: bool,
    is_escaped: bool,
    has_begun: bool,
}

impl JsonArray {
    /// Takes content that begins with an array, and skips the elements that an earlier run read.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn open(mut content: Content, mapping: Mapping, done: InputPosition) -> io::Result<Self> {
        let mut before = Scanner::default();
        content.skip_to(done.offset, |bytes| before.observe(bytes))?;
        let state = match (before.has_begun, before.depth) {
            (false, _) => State::Array,
            (true, 0) => State::Nothing,
            (true, _) if done.row == 0 => State::FirstElement,
            (true, _) => State::Comma,
        };
        Ok(Self { content, mapping, rows: done.row, state })
    }

    /// Returns the next byte that is no white space, without consuming it.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let buffer = self.content.fill()?;
            if buffer.is_empty() {
                return Ok(None);
            }
            let blank = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let next = buffer.get(blank).copied();
            self.content.consume(blank);
            if next.is_some() {
                return Ok(next);
            }
        }
    }

    /// Reads an element, up to the byte after its last one.
    fn read_element(&mut self) -> io::Result<Next> {
        let (mut scanner, mut content, mut bytes, mut is_ended) = (Scanner::default(), Vec::new(), 0, false);
        while !is_ended {
            let buffer = self.content.fill()?;
            if buffer.is_empty() {
                break;
            }
            let end = scanner.find_end(buffer);
            is_ended = end.is_some();
            let part = buffer.get(..end.unwrap_or(buffer.len())).unwrap_or(buffer);
            let kept = part.len().min(MAX_PIECE_BYTES - content.len());
            content.extend_from_slice(part.get(..kept).unwrap_or(part));
            bytes += part.len() as u64;
            let length = part.len();
            self.content.consume(length);
        }
        let is_whole = content.len() as u64 == bytes;
        content.truncate(content.trim_ascii_end().len());
        // Line ends in JSON are white space: a rejected element is a line like others.
        content.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        self.rows += 1;
        if !is_ended {
            self.state = State::Nothing;
        }
        let document = if is_whole { self.mapping.document_of_json(&content) } else { Err(too_long(bytes)) };
        Ok(Next::Record(Record { number: self.rows, content, is_whole, is_ended, document }))
    }

    /// Returns the record that stands for the rest of an array that is not closed.
    fn unclosed(&mut self) -> Next {
        (self.state, self.rows) = (State::Nothing, self.rows + 1);
        let document = Err(malformed("", "the array is not closed before the file ends; bring or write the file anew"));
        Next::Record(Record { number: self.rows, content: Vec::new(), is_whole: true, is_ended: false, document })
    }
}

impl Records for JsonArray {
    fn next(&mut self) -> anyhow::Result<Next> {
        loop {
            self.state = match (self.state, self.peek()?) {
                (State::Nothing, None) => return Ok(Next::End),
                (State::Nothing, Some(_)) => bail!("something follows its JSON array; split the file after the array"),
                (_, None) => return Ok(self.unclosed()),
                (State::Array, _) => self.consume(State::FirstElement),
                (State::FirstElement | State::Comma, Some(b']')) => self.consume(State::Nothing),
                (State::Comma, Some(b',')) => self.consume(State::Element),
                (State::Comma, Some(_)) => {
                    bail!("after element {} of its JSON array there is neither a comma nor `]`", self.rows)
                }
                (State::FirstElement | State::Element, Some(b',' | b']' | b'}')) => {
                    bail!("before element {} of its JSON array there is a comma too many", self.rows + 1)
                }
                (State::FirstElement | State::Element, Some(_)) => {
                    self.state = State::Comma;
                    return Ok(self.read_element()?);
                }
            }
        }
    }

    fn at(&self) -> FilePosition {
        FilePosition::of(self.rows, &self.content)
    }

    fn may_wait(&self) -> bool {
        // Lines tell nothing of where elements end.
        self.content.is_stream()
    }
}

impl JsonArray {
    fn consume(&mut self, next: State) -> State {
        self.content.consume(1);
        next
    }
}

impl Scanner {
    /// Follows bytes that are skipped: at the end, `depth` tells whether the array is still open.
    fn observe(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.is_string {
                self.is_string = byte != b'"' || self.is_escaped;
                self.is_escaped = byte == b'\\' && !self.is_escaped;
                continue;
            }
            match byte {
                b'"' => self.is_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.has_begun |= byte == b'[';
        }
    }

    /// Returns where the element ends in the bytes that follow.
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            if self.is_string {
                let is_quote = byte == b'"' && !self.is_escaped;
                self.is_escaped = byte == b'\\' && !self.is_escaped;
                self.is_string = !is_quote;
                if is_quote && self.depth == 0 {
                    return Some(at + 1);
                }
                continue;
            }
            match byte {
                b'"' => self.is_string = true,
                b'{' | b'[' => self.depth += 1,
                // A number or a word has no last byte of its own.
                b',' | b']' | b'}' if self.depth == 0 && self.has_begun => return Some(at),
                b']' | b'}' if self.depth == 1 => return Some(at + 1),
                b']' | b'}' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
            self.has_begun = true;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::compressed::Bytes;
    use super::*;

    fn read(text: &str) -> anyhow::Result<Vec<(String, bool)>> {
        let mapping = Mapping::default();
        let content = Content::new(Bytes::plain(Cursor::new(text.to_owned().into_bytes())), false);
        let mut array = JsonArray::open(content, mapping, InputPosition::default())?;
        let mut records = Vec::new();
        loop {
            match array.next()? {
                Next::Record(record) => {
                    let is_ended = record.is_ended;
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
    fn what_is_no_whole_array_is_told() {
        assert_eq!(read(" [ ] \n").unwrap(), []);
        assert_eq!(read("[1, \"a]\" ,{\"b\": [2]}]").unwrap().len(), 3);
        assert_eq!(read("[{\"a\": 1}, {\"b").unwrap()[1], ("{\"b".to_owned(), false));
        assert_eq!(read("[{\"a\": 1}").unwrap()[1], (String::new(), false));
        for (text, problem) in [
            ("[\"a\" \"b\"]", "neither a comma"),
            ("[,1]", "comma too many"),
            ("[1,]", "comma too many"),
            ("[1] 2", "something follows"),
        ] {
            assert!(read(text).unwrap_err().to_string().contains(problem), "{text}");
        }
    }

    proptest! {
        /// Law: the elements are those that a JSON parser finds, however they are written.
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
