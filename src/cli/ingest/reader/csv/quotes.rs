//! Where the rows of CSV end: with a line, unless that is in quotes. These are the rules of the `csv` crate.

/// Finds the ends of rows.
#[derive(Debug)]
pub struct Quotes {
    state: State,
    delimiter: u8,
    quotes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Of a value.
    Start,
    Bare,
    Quoted,
    /// After a quote in a quoted value: it is closed, unless another one follows.
    Closing,
}

impl Quotes {
    pub fn new(delimiter: u8, quotes: bool) -> Self {
        Self { state: State::Start, delimiter, quotes }
    }

    /// A row begins.
    pub fn begin(&mut self) {
        self.state = State::Start;
    }

    /// Whether a value that began with a quote is not closed yet.
    pub fn is_open(&self) -> bool {
        self.state == State::Quoted
    }

    /// Where in the next bytes of a row it ends; the bytes after that are of the next one.
    pub fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (at, &byte) in bytes.iter().enumerate() {
            self.state = match (self.state, byte) {
                (State::Quoted, b'"') => State::Closing,
                (State::Quoted, _) | (State::Closing, b'"') => State::Quoted,
                (_, b'\n') => return Some(at + 1),
                (State::Start, b'"') if self.quotes => State::Quoted,
                (_, byte) if byte == self.delimiter => State::Start,
                _ => State::Bare,
            };
        }
        None
    }
}
