//! The rows of a file, one after the other.

use std::io;

use anyhow::{Context, ensure};

use super::dialect::Dialect;
use super::parser::Parser;
use super::quoted::check_quotes;
use super::row::{Cells, Row};
use super::table::Table;
use crate::cli::ingest::input_position::InputPosition;
use crate::cli::ingest::mapping::{Mapping, malformed};
use crate::cli::ingest::reader::content::Content;
use crate::cli::ingest::reader::{FilePosition, Next, Record, Records};
use crate::proto::{Document, ItemError};

/// The rows of a file.
pub struct CsvRows {
    content: Content,
    parser: Parser,
    dialect: Dialect,
    table: Table,
    notices: Vec<String>,
    cells: Cells,
    rows: u64,
    /// A line of names that has no end yet.
    unended: Option<Row>,
    /// The first row, if it was read to tell the kind of the line ends; and the lines before it.
    first: Option<(u64, Row)>,
}

impl CsvRows {
    /// Reads the names and skips the rows that an earlier run read. A line of names without an end is one if `is_final`.
    ///
    /// # Errors
    /// If there are no names, two are the same, or those of the id or the text are not among them.
    pub fn open(
        content: Content,
        mapping: Mapping,
        dialect: Dialect,
        done: InputPosition,
        is_final: bool,
    ) -> anyhow::Result<Self> {
        let mut rows = Self {
            content,
            parser: Parser::new(&dialect),
            table: Table::new(mapping, dialect.clone()),
            dialect,
            notices: Vec::new(),
            cells: Cells::default(),
            rows: 0,
            unended: None,
            first: None,
        };
        let columns = match &rows.dialect.columns {
            Some(columns) => Some(columns.clone()),
            None => rows.header(is_final)?,
        };
        // An empty file has no columns, and no rows either.
        if let Some(columns) = columns {
            rows.notices.extend(rows.table.set_columns(columns)?.map(str::to_owned));
        }
        rows.skip_to(done)?;
        Ok(rows)
    }

    fn header(&mut self, is_final: bool) -> anyhow::Result<Option<Vec<String>>> {
        while let Some(row) = self.next_row()? {
            if row.is_blank() {
                continue;
            }
            if !row.is_ended && !is_final {
                self.unended = Some(row);
                return Ok(None);
            }
            let is_row = !row.is_cut && check_quotes(&row.raw, &self.dialect).is_ok();
            ensure!(is_row, "its first row is no line of names; is it CSV?");
            let names = self.cells.iter().map(Option::unwrap_or_default);
            let names = names.map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned()));
            let names = names.collect::<Result<_, _>>();
            let not_utf8 = "its line of names is not UTF-8; name its encoding with --encoding, such as windows-1252";
            return names.map(Some).context(not_utf8);
        }
        Ok(None)
    }

    /// Skips what an earlier run read. With given names, the first row tells the kind of the line ends.
    fn skip_to(&mut self, done: InputPosition) -> io::Result<()> {
        if done.offset == 0 {
            return Ok(());
        }
        if self.dialect.columns.is_some() && self.parser.learns_line_ends() {
            let first = (self.rows, self.next_row()?);
            // What was read may have been only blank.
            self.first = first.1.filter(|_| self.content.offset() > done.offset).map(|row| (first.0, row));
        }
        if self.content.offset() >= done.offset {
            return Ok(());
        }
        self.parser.skip_to(&mut self.content, done.offset)?;
        self.rows = done.row;
        Ok(())
    }

    fn next_row(&mut self) -> io::Result<Option<Row>> {
        let row = self.parser.next(&mut self.content, &mut self.cells)?;
        if let Some(row) = &row {
            self.rows += row.lines;
        }
        Ok(row)
    }
}

impl Records for CsvRows {
    fn next(&mut self) -> anyhow::Result<Next> {
        if let Some(row) = self.unended.take() {
            return Ok(Next::Record(record(row, self.rows, Err(malformed("", "the line of names has no end")))));
        }
        let (first, row) = match self.first.take() {
            Some((first, row)) => (first, Some(row)),
            None => (self.rows, self.next_row()?),
        };
        let Some(row) = row else { return Ok(Next::End) };
        if row.is_blank() {
            return Ok(if row.is_ended || row.raw.is_empty() { Next::Blank } else { Next::UnendedBlank });
        }
        let document = self.table.document(&row, &self.cells);
        let number = first + row.blank_lines + 1;
        Ok(Next::Record(record(row, number, document)))
    }

    fn at(&self) -> FilePosition {
        FilePosition::of(self.rows, &self.content)
    }

    fn may_wait(&self) -> bool {
        // A line end in quotes is none of a row.
        self.content.may_wait() || self.content.is_stream() && self.dialect.quotes
    }

    fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }
}

fn record(row: Row, number: u64, document: Result<Document, ItemError>) -> Record {
    Record { number, is_whole: !row.is_cut, is_ended: row.is_ended, content: row.raw, document }
}
