//! Rows of CSV in which quotes protect delimiters and the ends of lines, by csv-core.
//!
//! It parses into buffers that belong to the caller, so that a row without an end takes bounded memory.

use std::io;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::dialect::Dialect;
use super::row::{Cells, MAX_CELLS, Row};
use crate::cli::ingest::reader::content::Content;
use crate::cli::ingest::reader::line_ends::LineEnds;
use crate::cli::ingest::reader::pieces::MAX_PIECE_BYTES;

/// The buffers for values grow by so many bytes and ends.
const BYTES_STEP: usize = 4 << 10;
const ENDS_STEP: usize = 64;

/// Parses one row after the other.
pub struct QuotedRows {
    parser: Reader,
    dialect: Dialect,
    ends: LineEnds,
    /// Whether the kind of the line ends is known, and the parser made for it.
    is_adapted: bool,
}

impl QuotedRows {
    pub fn new(dialect: Dialect) -> Self {
        // All kinds end the first row, which tells the kind of the others.
        let parser = build_parser(&dialect, Terminator::CRLF);
        Self { parser, dialect, ends: LineEnds::default(), is_adapted: false }
    }

    /// Skips the rows up to an offset, where another one begins. The first row of the file was read.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn skip_to(&mut self, content: &mut Content, offset: u64) -> io::Result<()> {
        let skipped = self.ends.skip_lf(content.fill()?);
        content.consume(skipped);
        self.adapt();
        let mut last = None;
        content.skip_to(offset, |bytes| last = bytes.last().copied())?;
        self.ends.go_on_after(last);
        self.parser.reset();
        Ok(())
    }

    /// Reads the next row, and its values into `cells`; `None` at the end.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn next(&mut self, content: &mut Content, cells: &mut Cells) -> io::Result<Option<Row>> {
        let skipped = self.ends.skip_lf(content.fill()?);
        content.consume(skipped);
        self.adapt();
        content.skip_mark()?;
        let mut row = self.parse(content, cells)?;
        if row.bytes == 0 {
            return Ok(None);
        }
        if row.is_ended {
            // Only this byte is known to be an end: those before it may be in quotes.
            let _end = self.ends.find(row.raw.last_chunk::<1>().map_or(&[], |last| last));
        }
        self.finish(&mut row, cells);
        Ok(Some(row))
    }

    fn adapt(&mut self) {
        let Some(is_lf) = self.ends.is_lf().filter(|_| !self.is_adapted) else { return };
        self.is_adapted = true;
        if is_lf {
            self.parser = build_parser(&self.dialect, Terminator::Any(b'\n'));
        }
    }

    fn parse(&mut self, content: &mut Content, cells: &mut Cells) -> io::Result<Row> {
        let mut row = Row::default();
        let mut lines = self.ends.counter();
        let mut written = 0;
        cells.count = 0;
        loop {
            if cells.bytes.len() == written {
                cells.bytes.resize(written + BYTES_STEP, 0);
            }
            if cells.ends.len() == cells.count {
                cells.ends.resize(cells.count + ENDS_STEP, 0);
            }
            let input = content.fill()?;
            let is_at_end = input.is_empty();
            let output = cells.bytes.get_mut(written..).unwrap_or_default();
            let ends = cells.ends.get_mut(cells.count..).unwrap_or_default();
            let (result, read, copied, ended) = self.parser.read_record(input, output, ends);
            let taken = input.get(..read).unwrap_or(input);
            lines.add(taken);
            row.push(taken);
            row.lines = lines.count;
            content.consume(read);
            written += copied;
            cells.count += ended;
            row.cell_count += ended;
            match result {
                ReadRecordResult::Record => {
                    row.is_ended = !is_at_end;
                    return Ok(row);
                }
                ReadRecordResult::End => return Ok(row),
                ReadRecordResult::InputEmpty if is_at_end => return Ok(row),
                _ => {}
            }
            if written > MAX_PIECE_BYTES || cells.count > MAX_CELLS {
                // What is kept of such a row is not used.
                row.is_cut = true;
                (written, cells.count) = (0, 0);
            }
        }
    }

    /// Counts the lines of a row, and takes its end off.
    fn finish(&self, row: &mut Row, cells: &mut Cells) {
        // The last line of an unended row has no end to be counted.
        row.lines += u64::from(!row.is_ended && (row.is_cut || !row.raw.ends_with(b"\n")));
        let is_lf = self.ends.is_lf() != Some(false);
        let is_blank = |byte: &&u8| **byte == b'\n' || **byte == b'\r' && !is_lf;
        let blank = row.raw.iter().take_while(is_blank).count();
        let mut blank_lines = self.ends.counter();
        blank_lines.add(row.raw.get(..blank).unwrap_or_default());
        row.blank_lines = blank_lines.count;
        let end: &[u8] = if row.is_ended { b"\r\n" } else { b"\r" };
        if is_lf && row.raw.ends_with(end) && !row.is_cut {
            // The CR of a CR LF, whose LF may be missing at the end of a file: to the parser, only LF ends rows.
            let last = cells.count.checked_sub(1).and_then(|last| cells.ends.get_mut(last));
            if let Some(end) = last.filter(|end| **end > 0 && cells.bytes.get(**end - 1) == Some(&b'\r')) {
                *end -= 1;
            }
        }
        row.raw.truncate(self.ends.trim(&row.raw).len());
        row.raw.drain(..blank.min(row.raw.len()));
    }
}

fn build_parser(dialect: &Dialect, terminator: Terminator) -> Reader {
    ReaderBuilder::new()
        .delimiter(dialect.delimiter)
        .quoting(dialect.quotes)
        .quote(dialect.quote)
        .escape(dialect.escape)
        .terminator(terminator)
        .build()
}

/// What is wrong with the quotes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteProblem {
    /// A quoted value is not closed.
    Unclosed,
    /// A quoted value is closed, and goes on. csv-core would take what follows as a part of it, quotes and all.
    GoesOn,
}

/// Checks that each quoted value of a row is closed, and ends there.
///
/// # Errors
/// If one isn't.
pub fn check_quotes(row: &[u8], dialect: &Dialect) -> Result<(), QuoteProblem> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Start,
        Bare,
        Quoted,
        Escaped,
        Closed,
    }
    if !dialect.quotes {
        return Ok(());
    }
    let mut state = State::Start;
    for &byte in row {
        let (is_quote, is_delimiter) = (byte == dialect.quote, byte == dialect.delimiter);
        state = match state {
            State::Quoted if is_quote => State::Closed,
            State::Quoted if Some(byte) == dialect.escape => State::Escaped,
            State::Quoted | State::Escaped => State::Quoted,
            State::Closed if is_quote => State::Quoted,
            State::Start if is_quote => State::Quoted,
            State::Closed if !is_delimiter => return Err(QuoteProblem::GoesOn),
            _ if is_delimiter => State::Start,
            _ => State::Bare,
        };
    }
    match state {
        State::Quoted | State::Escaped => Err(QuoteProblem::Unclosed),
        _ => Ok(()),
    }
}
