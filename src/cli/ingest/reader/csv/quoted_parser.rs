//! Parser of CSV rows with quoted values, based on csv-core.
//!
//! csv-core parses into buffers of the caller, so that an unterminated row uses bounded memory.

use std::io;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::dialect::CsvDialect;
use super::row::{Cells, CsvRow, MAX_CELLS};
use crate::cli::ingest::reader::content_reader::ContentReader;
use crate::cli::ingest::reader::line_endings::LineEndScanner;
use crate::cli::ingest::reader::line_reader::MAX_RECORD_BYTES;

/// Number of bytes by which the buffer of values grows.
const CELL_BYTES_GROWTH: usize = 4 << 10;
/// Number of entries by which the buffer of value ends grows.
const CELL_ENDS_GROWTH: usize = 64;

/// Parser of CSV rows with quoted values.
pub struct QuotedParser {
    csv_reader: Reader,
    dialect: CsvDialect,
    line_ends: LineEndScanner,
    /// True once the line ending style is known and `csv_reader` was rebuilt for it.
    is_terminator_set: bool,
}

impl QuotedParser {
    pub fn new(dialect: CsvDialect) -> Self {
        // The first row may end with any line ending, which then applies to the rest of the file.
        let csv_reader = build_csv_reader(&dialect, Terminator::CRLF);
        Self { csv_reader, dialect, line_ends: LineEndScanner::default(), is_terminator_set: false }
    }

    /// Skips the rows up to an offset at which a row starts. The first row of the file must have been read.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn skip_to(&mut self, content: &mut ContentReader, offset: u64) -> io::Result<()> {
        let skipped = self.line_ends.skip_lf(content.fill_buf()?);
        content.consume(skipped);
        self.set_terminator();
        let mut last = None;
        content.skip_to(offset, |bytes| last = bytes.last().copied())?;
        self.line_ends.resume_after(last);
        self.csv_reader.reset();
        Ok(())
    }

    /// Reads the next row and splits its values into `cells`; `None` at the end.
    ///
    /// # Errors
    /// If the file can't be read.
    pub fn next_row(&mut self, content: &mut ContentReader, cells: &mut Cells) -> io::Result<Option<CsvRow>> {
        let skipped = self.line_ends.skip_lf(content.fill_buf()?);
        content.consume(skipped);
        self.set_terminator();
        content.skip_bom()?;
        let mut row = self.parse_row(content, cells)?;
        if row.total_bytes == 0 {
            return Ok(None);
        }
        if row.is_terminated {
            // Only the last byte is known to be a line ending: earlier ones may be inside quotes.
            let _end = self.line_ends.find_end(row.raw.last_chunk::<1>().map_or(&[], |last| last));
        }
        self.finish_row(&mut row, cells);
        Ok(Some(row))
    }

    fn set_terminator(&mut self) {
        let Some(is_lf) = self.line_ends.is_lf_only().filter(|_| !self.is_terminator_set) else { return };
        self.is_terminator_set = true;
        if is_lf {
            self.csv_reader = build_csv_reader(&self.dialect, Terminator::Any(b'\n'));
        }
    }

    fn parse_row(&mut self, content: &mut ContentReader, cells: &mut Cells) -> io::Result<CsvRow> {
        let mut row = CsvRow::default();
        let mut lines = self.line_ends.start_counter();
        let mut written = 0;
        cells.count = 0;
        loop {
            if cells.bytes.len() == written {
                cells.bytes.resize(written + CELL_BYTES_GROWTH, 0);
            }
            if cells.ends.len() == cells.count {
                cells.ends.resize(cells.count + CELL_ENDS_GROWTH, 0);
            }
            let input = content.fill_buf()?;
            let is_at_end = input.is_empty();
            let output = cells.bytes.get_mut(written..).unwrap_or_default();
            let ends = cells.ends.get_mut(cells.count..).unwrap_or_default();
            let (result, read, copied, ended_cells) = self.csv_reader.read_record(input, output, ends);
            let consumed = input.get(..read).unwrap_or(input);
            lines.add(consumed);
            row.push(consumed);
            row.lines = lines.count;
            content.consume(read);
            written += copied;
            cells.count += ended_cells;
            row.cell_count += ended_cells;
            match result {
                ReadRecordResult::Record => {
                    row.is_terminated = !is_at_end;
                    return Ok(row);
                }
                ReadRecordResult::End => return Ok(row),
                ReadRecordResult::InputEmpty if is_at_end => return Ok(row),
                _ => {}
            }
            if written > MAX_RECORD_BYTES || cells.count > MAX_CELLS {
                // An oversized row is rejected without its values, so the buffers are reused.
                row.is_truncated = true;
                (written, cells.count) = (0, 0);
            }
        }
    }

    /// Counts the lines of a row and removes its line ending and leading blank lines.
    fn finish_row(&self, row: &mut CsvRow, cells: &mut Cells) {
        // The last line of an unterminated row has no line ending, so it is not counted yet.
        row.lines += u64::from(!row.is_terminated && (row.is_truncated || !row.raw.ends_with(b"\n")));
        let is_lf = self.line_ends.is_lf_only() != Some(false);
        let is_blank = |byte: &&u8| **byte == b'\n' || **byte == b'\r' && !is_lf;
        let blank_bytes = row.raw.iter().take_while(is_blank).count();
        let mut blank_lines = self.line_ends.start_counter();
        blank_lines.add(row.raw.get(..blank_bytes).unwrap_or_default());
        row.blank_lines = blank_lines.count;
        let end: &[u8] = if row.is_terminated { b"\r\n" } else { b"\r" };
        if is_lf && row.raw.ends_with(end) && !row.is_truncated {
            // csv-core ends rows only at LF here, so the last value includes the CR of a CR LF (or a CR cut from its LF at
            // the end of the file).
            let last = cells.count.checked_sub(1).and_then(|last| cells.ends.get_mut(last));
            if let Some(end) = last.filter(|end| **end > 0 && cells.bytes.get(**end - 1) == Some(&b'\r')) {
                *end -= 1;
            }
        }
        row.raw.truncate(self.line_ends.trim_end(&row.raw).len());
        row.raw.drain(..blank_bytes.min(row.raw.len()));
    }
}

fn build_csv_reader(dialect: &CsvDialect, terminator: Terminator) -> Reader {
    ReaderBuilder::new()
        .delimiter(dialect.delimiter)
        .quoting(dialect.has_quotes)
        .quote(dialect.quote)
        .escape(dialect.escape)
        .terminator(terminator)
        .build()
}

/// Error in the quotes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuoteError {
    /// A quoted value is not closed.
    Unclosed,
    /// Text follows a closing quote. csv-core would append it to the value, including quotes.
    TextAfterQuote,
}

/// Checks that each quoted value of a row is closed and followed by a delimiter or the end of the row.
///
/// # Errors
/// A [`QuoteError`] for the first quoted value that is not.
pub fn check_quotes(row: &[u8], dialect: &CsvDialect) -> Result<(), QuoteError> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Start,
        Bare,
        Quoted,
        Escaped,
        Closed,
    }
    if !dialect.has_quotes {
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
            State::Closed if !is_delimiter => return Err(QuoteError::TextAfterQuote),
            _ if is_delimiter => State::Start,
            _ => State::Bare,
        };
    }
    match state {
        State::Quoted | State::Escaped => Err(QuoteError::Unclosed),
        _ => Ok(()),
    }
}
