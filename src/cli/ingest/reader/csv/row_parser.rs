//! Selects the row parser of a CSV dialect.

use std::io;

use super::dialect::CsvDialect;
use super::escaped_parser::EscapedParser;
use super::quoted_parser::QuotedParser;
use super::row::{Cells, CsvRow};
use crate::cli::ingest::reader::content_reader::ContentReader;

pub enum RowParser {
    Quoted(Box<QuotedParser>),
    Escaped(EscapedParser),
}

impl RowParser {
    pub fn new(dialect: &CsvDialect) -> Self {
        match dialect.escape_without_quotes() {
            Some(escape) => Self::Escaped(EscapedParser { delimiter: dialect.delimiter, escape }),
            None => Self::Quoted(Box::new(QuotedParser::new(dialect.clone()))),
        }
    }

    /// Returns whether the first row selects the line ending style for the rest of the file.
    pub fn detects_line_endings(&self) -> bool {
        matches!(self, Self::Quoted(_))
    }

    /// Skips content up to an offset.
    ///
    /// # Errors
    /// If the content can't be read.
    pub fn skip_to(&mut self, content: &mut ContentReader, offset: u64) -> io::Result<()> {
        match self {
            Self::Quoted(rows) => rows.skip_to(content, offset),
            Self::Escaped(_) => content.skip_to(offset, |_| {}).map(drop),
        }
    }

    /// Reads the next row; `None` at the end.
    ///
    /// # Errors
    /// If the content can't be read.
    pub fn next_row(&mut self, content: &mut ContentReader, cells: &mut Cells) -> io::Result<Option<CsvRow>> {
        match self {
            Self::Quoted(rows) => rows.next_row(content, cells),
            Self::Escaped(rows) => rows.next_row(content, cells),
        }
    }
}
