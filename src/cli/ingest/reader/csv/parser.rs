//! Content → rows.

use std::io;

use super::dialect::Dialect;
use super::escaped::EscapedRows;
use super::quoted::QuotedRows;
use super::row::{Cells, Row};
use crate::cli::ingest::reader::content::Content;

pub enum Parser {
    Quoted(Box<QuotedRows>),
    Escaped(EscapedRows),
}

impl Parser {
    pub fn new(dialect: &Dialect) -> Self {
        match dialect.escape_without_quotes() {
            Some(escape) => Self::Escaped(EscapedRows { delimiter: dialect.delimiter, escape }),
            None => Self::Quoted(Box::new(QuotedRows::new(dialect.clone()))),
        }
    }

    /// Whether a row tells the kind of the line ends, which those after it have.
    pub fn learns_line_ends(&self) -> bool {
        matches!(self, Self::Quoted(_))
    }

    /// Skips content up to an offset.
    ///
    /// # Errors
    /// If it can't be read.
    pub fn skip_to(&mut self, content: &mut Content, offset: u64) -> io::Result<()> {
        match self {
            Self::Quoted(rows) => rows.skip_to(content, offset),
            Self::Escaped(_) => content.skip_to(offset, |_| {}).map(drop),
        }
    }

    /// Reads a row; `None` at the end.
    ///
    /// # Errors
    /// If the content can't be read.
    pub fn next(&mut self, content: &mut Content, cells: &mut Cells) -> io::Result<Option<Row>> {
        match self {
            Self::Quoted(rows) => rows.next(content, cells),
            Self::Escaped(rows) => rows.next(content, cells),
        }
    }
}
