//! Comma-separated values: a line of names, then a row of values each.
//!
//! Where a row ends is found here, with the rules of the `csv` crate: a value that begins with a quote may hold the ends of
//! lines. So a row that is never closed takes bounded memory, and the numbers and bytes of lines are known. A row's values
//! are then taken apart by that crate.

mod cell;
mod quotes;

use std::collections::BTreeMap;
use std::io::{self, Read};

use anyhow::{Context, bail, ensure};
use csv::{ByteRecord, ReaderBuilder, Terminator};
use serde_json::Value;

pub use self::cell::CellType;
use self::quotes::Quotes;
use super::pieces::{Piece, Pieces};
use super::{At, Next, Record, Records};
use crate::cli::id;
use crate::cli::ingest::batch::Place;
use crate::cli::ingest::mapping::{Fields, Mapping, malformed, too_long};
use crate::proto::document_id::Kind;
use crate::proto::{Document, ItemError};

/// How values are written.
#[derive(Debug, Clone, PartialEq)]
pub struct Dialect {
    pub delimiter: u8,
    /// Whether a quote at the beginning of a value is one.
    pub quotes: bool,
    /// The names, where the file has no line of them.
    pub columns: Option<Vec<String>>,
    /// What cells are that are no strings, by the names of their columns.
    pub types: BTreeMap<String, CellType>,
}

/// The rows of a file.
pub struct CsvRows {
    pieces: Pieces,
    mapping: Mapping,
    dialect: Dialect,
    columns: Vec<String>,
    quotes: Quotes,
    parser: csv::Reader<Feed>,
}

impl CsvRows {
    /// Reads the names and goes to where a run left off, if it can be sought.
    ///
    /// # Errors
    /// If there are no names, two are the same, or those of the id or the text are not among them.
    pub fn open(pieces: Pieces, mapping: Mapping, dialect: Dialect, done: Place) -> anyhow::Result<Self> {
        let quotes = Quotes::new(dialect.delimiter, dialect.quotes);
        let parser = dialect.parser();
        let mut rows = Self { pieces, mapping, columns: Vec::new(), quotes, parser, dialect };
        let columns = match &rows.dialect.columns {
            Some(columns) => Some(columns.clone()),
            None => rows.header()?,
        };
        // An empty file has no columns, and no rows either.
        if let Some(columns) = columns {
            rows.mapping.check_columns(columns.iter().map(String::as_str))?;
            check_names(&columns, &rows.mapping)?;
            rows.columns = columns;
        }
        rows.pieces.seek(done.row, done.offset)?;
        Ok(rows)
    }

    fn header(&mut self) -> anyhow::Result<Option<Vec<String>>> {
        while let Some(line) = self.next_piece()? {
            if line.is_blank() {
                continue;
            }
            let cells = self.cells(&line).filter(|_| !line.is_cut);
            let Some(cells) = cells else { bail!("its first row is no line of names; is it CSV?") };
            let names = cells.iter().map(|name| std::str::from_utf8(name).map(|name| name.trim().to_owned()));
            let names = names.collect::<Result<_, _>>();
            return names.map(Some).context("its line of names is not UTF-8; write it so, such as with iconv -t utf-8");
        }
        Ok(None)
    }

    fn next_piece(&mut self) -> io::Result<Option<Piece>> {
        let quotes = &mut self.quotes;
        quotes.begin();
        self.pieces.next(|bytes| quotes.end(bytes))
    }

    /// The cells of a row; `None` if it can't be taken apart.
    fn cells(&mut self, row: &Piece) -> Option<ByteRecord> {
        let mut cells = ByteRecord::new();
        self.parser.get_mut().fill(&row.content);
        let is_one = self.parser.read_byte_record(&mut cells).unwrap_or(false) && self.parser.get_ref().is_empty();
        if !is_one {
            self.parser = self.dialect.parser();
        }
        is_one.then_some(cells)
    }

    fn document(&mut self, row: &Piece) -> Result<Document, ItemError> {
        if row.is_cut {
            return Err(too_long(row.bytes));
        }
        if self.quotes.is_open() {
            return Err(malformed("", "a quote is not closed before the file ends; close it, or give --no-quotes"));
        }
        let Some(cells) = self.cells(row) else {
            return Err(malformed("", "the row can't be taken apart; check its quotes"));
        };
        if cells.len() != self.columns.len() {
            let message = format!(
                "the row has {} values and there are {} columns; put values that hold a separator in quotes",
                cells.len(),
                self.columns.len()
            );
            return Err(malformed("", message));
        }
        let mut fields = Fields::new();
        let mut id = None;
        for (name, cell) in self.columns.iter().zip(&cells).filter(|(name, _)| self.mapping.wants(name)) {
            let cell = std::str::from_utf8(cell).map_err(|_| {
                malformed(name, "the value is not UTF-8; write the file so, such as with iconv -t utf-8")
            })?;
            let value = match self.dialect.types.get(name) {
                Some(cell_type) => cell_type.value(cell).map_err(|problem| malformed(name, problem))?,
                // An id that is typed is a number where it looks like one.
                None if *name == self.mapping.id_field && !cell.is_empty() => {
                    let typed = id::from_text(cell);
                    let value = if let Some(Kind::Num(num)) = typed.kind { num.into() } else { cell.into() };
                    id = Some(typed);
                    value
                }
                None if *name == self.mapping.id_field => Value::Null,
                None => cell.into(),
            };
            fields.insert(name.clone(), value);
        }
        match id {
            Some(id) => self.mapping.document_with_id(fields, Some(id)),
            None => self.mapping.document(fields),
        }
    }
}

impl Records for CsvRows {
    fn next(&mut self) -> anyhow::Result<Next> {
        let Some(row) = self.next_piece()? else { return Ok(Next::End) };
        if row.is_blank() {
            return Ok(Next::Blank);
        }
        let document = self.document(&row);
        Ok(Next::Record(Record { number: row.number, content: row.content, is_whole: !row.is_cut, document }))
    }

    fn at(&self) -> At {
        self.pieces.at()
    }

    fn may_wait(&self) -> bool {
        self.pieces.may_wait()
    }
}

/// Names of columns that are wanted. An empty name is one, as an empty key of JSON is.
fn check_names(columns: &[String], mapping: &Mapping) -> anyhow::Result<()> {
    for (at, name) in columns.iter().enumerate().filter(|(_, name)| mapping.wants(name)) {
        let is_twice = columns.iter().skip(at + 1).any(|other| other == name);
        ensure!(
            !is_twice,
            "two of its columns are called `{name}`; give each a name of its own, or name those to read with --payload-fields"
        );
    }
    Ok(())
}

impl Dialect {
    fn parser(&self) -> csv::Reader<Feed> {
        ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .delimiter(self.delimiter)
            .quoting(self.quotes)
            .terminator(Terminator::Any(b'\n'))
            .from_reader(Feed::default())
    }
}

/// What the parser reads: one row at a time.
#[derive(Debug, Default)]
struct Feed {
    row: Vec<u8>,
    at: usize,
}

impl Feed {
    fn fill(&mut self, row: &[u8]) {
        self.row.clear();
        self.row.extend_from_slice(row);
        self.row.push(b'\n');
        self.at = 0;
    }

    fn is_empty(&self) -> bool {
        self.at == self.row.len()
    }
}

impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.row.get(self.at..).unwrap_or_default();
        let read = rest.read(buffer)?;
        self.at += read;
        Ok(read)
    }
}
