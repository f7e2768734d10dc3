//! Comma-separated values: a line of names, then a row of values each.

mod cell;
mod escaped;
mod quoted;
mod row;

use std::collections::BTreeMap;
use std::io;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

pub use self::cell::CellType;
use self::escaped::EscapedRows;
use self::quoted::{QuoteProblem, QuotedRows, check_quotes};
use self::row::{Cells, Row};
use super::content::Content;
use super::{At, Next, Record, Records};
use crate::cli::id;
use crate::cli::ingest::batch::Place;
use crate::cli::ingest::mapping::{Fields, Mapping, NOT_UTF8, malformed, too_long};
use crate::proto::document_id::Kind;
use crate::proto::{Document, ItemError};

/// How databases write null in their exports.
const DATABASE_NULL: &str = r"\N";

const INDEX_NOTICE: &str = "its first column has no name, as pandas writes its index; it is not stored (name it in the file, or with \
                            --columns and --skip 1, to store it)";

/// How values are written.
#[derive(Debug, Clone, PartialEq)]
pub struct Dialect {
    pub delimiter: u8,
    /// Whether a quote at the beginning of a value is one.
    pub quotes: bool,
    pub quote: u8,
    /// The character that protects the one behind it: in quoted values or, without quotes, everywhere.
    pub escape: Option<u8>,
    /// Values that stand for null.
    pub null_values: Vec<String>,
    /// The names, where the file has no line of them.
    pub columns: Option<Vec<String>>,
    /// What cells are that are no strings, by the names of their columns.
    pub types: BTreeMap<String, CellType>,
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            quotes: true,
            quote: b'"',
            escape: None,
            null_values: Vec::new(),
            columns: None,
            types: BTreeMap::new(),
        }
    }
}

/// The rows of a file.
pub struct CsvRows {
    content: Content,
    parser: Parser,
    mapping: Mapping,
    dialect: Dialect,
    columns: Vec<String>,
    /// The position of a column that is left out: pandas' index.
    index: Option<usize>,
    notices: Vec<String>,
    cells: Cells,
    rows: u64,
    /// A line of names that has no end yet.
    unended: Option<Row>,
    /// The first row, if it was read to tell the kind of the line ends; and the lines before it.
    first: Option<(u64, Row)>,
}

enum Parser {
    Quoted(Box<QuotedRows>),
    Escaped(EscapedRows),
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
        done: Place,
        is_final: bool,
    ) -> anyhow::Result<Self> {
        let parser = match dialect.escape {
            Some(escape) if !dialect.quotes => Parser::Escaped(EscapedRows { delimiter: dialect.delimiter, escape }),
            _ => Parser::Quoted(Box::new(QuotedRows::new(dialect.clone()))),
        };
        let (columns, cells) = (Vec::new(), Cells::default());
        let mut rows = Self {
            content,
            parser,
            mapping,
            dialect,
            columns,
            index: None,
            notices: Vec::new(),
            cells,
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
            rows.set_columns(columns)?;
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

    fn set_columns(&mut self, columns: Vec<String>) -> anyhow::Result<()> {
        self.check_delimiter(&columns)?;
        self.mapping.check_columns(columns.iter().map(String::as_str))?;
        check_names(&columns, &self.mapping)?;
        columns
            .iter()
            .filter(|name| self.dialect.types.contains_key(*name))
            .for_each(|name| self.mapping.seen.insert(name));
        let has_index = columns.len() > 1 && columns.first().is_some_and(String::is_empty);
        self.index = (has_index && self.mapping.payload_fields.is_none()).then_some(0);
        self.notices.extend(self.index.map(|_| INDEX_NOTICE.to_owned()));
        self.columns = columns;
        Ok(())
    }

    /// A line of names that is one long name has another delimiter.
    fn check_delimiter(&self, columns: &[String]) -> anyhow::Result<()> {
        if columns.first().is_some_and(|name| name.starts_with("sep=")) {
            bail!(
                "its first line is Excel's `sep=`, which names the delimiter; remove that line, and name it with --delimiter"
            );
        }
        let [only] = columns else { return Ok(()) };
        if self.mapping.is_id_or_text(only) {
            return Ok(());
        }
        if let Some(found) = [',', ';', '\t', '|'].into_iter().find(|&delimiter| only.contains(delimiter)) {
            let found = if found == '\t' { "\\t".to_owned() } else { found.to_string() };
            bail!(
                "its line of names is one name, `{}`; if `{found}` separates its columns, give --delimiter '{found}'",
                only.escape_debug()
            );
        }
        Ok(())
    }

    /// Skips what an earlier run read. With given names, the first row tells the kind of the line ends.
    fn skip_to(&mut self, done: Place) -> io::Result<()> {
        if done.offset == 0 {
            return Ok(());
        }
        if self.dialect.columns.is_some() && matches!(self.parser, Parser::Quoted(_)) {
            let first = (self.rows, self.next_row()?);
            // What was read may have been only blank.
            self.first = first.1.filter(|_| self.content.offset() > done.offset).map(|row| (first.0, row));
        }
        if self.content.offset() >= done.offset {
            return Ok(());
        }
        match &mut self.parser {
            Parser::Quoted(rows) => rows.skip_to(&mut self.content, done.offset)?,
            Parser::Escaped(_) => drop(self.content.skip_to(done.offset, |_| {})?),
        }
        self.rows = done.row;
        Ok(())
    }

    fn next_row(&mut self) -> io::Result<Option<Row>> {
        let row = match &mut self.parser {
            Parser::Quoted(rows) => rows.next(&mut self.content, &mut self.cells)?,
            Parser::Escaped(rows) => rows.next(&mut self.content, &mut self.cells)?,
        };
        if let Some(row) = &row {
            self.rows += row.lines;
        }
        Ok(row)
    }

    fn document(&self, row: &Row) -> Result<Document, ItemError> {
        self.check(row)?;
        let mut fields = Fields::new();
        let mut id = None;
        for (at, (name, cell)) in self.columns.iter().zip(self.cells.iter()).enumerate() {
            if Some(at) == self.index || !self.mapping.wants(name) {
                continue;
            }
            let Some(cell) = self.text(name, cell)? else {
                fields.insert(name.clone(), Value::Null);
                continue;
            };
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

    /// Checks a row as a whole.
    fn check(&self, row: &Row) -> Result<(), ItemError> {
        if row.is_cut && row.cell_count <= row::MAX_CELLS {
            return Err(too_long(row.bytes));
        }
        if matches!(self.parser, Parser::Quoted(_)) && !row.is_cut {
            check_quotes(&row.raw, &self.dialect).map_err(|problem| malformed("", quote_problem(problem)))?;
        }
        if row.cell_count != self.columns.len() {
            let message = format!(
                "the row has {} values and there are {} columns; put values that hold a separator in quotes",
                row.cell_count,
                self.columns.len()
            );
            return Err(malformed("", message));
        }
        if self.columns.len() > 1 && self.is_line_of_names() {
            let message = "the row repeats the names of the columns, as files do that were joined; remove it";
            return Err(malformed("", message));
        }
        Ok(())
    }

    fn is_line_of_names(&self) -> bool {
        let names = self.columns.iter().map(String::as_bytes);
        names.zip(self.cells.iter()).all(|(name, cell)| cell.is_some_and(|cell| cell.trim_ascii() == name))
    }

    /// Returns the text of a cell; `None` for null.
    fn text<'a>(&self, name: &str, cell: Option<&'a [u8]>) -> Result<Option<&'a str>, ItemError> {
        let Some(cell) = cell else { return Ok(None) };
        let cell = std::str::from_utf8(cell).map_err(|_| malformed(name, NOT_UTF8))?;
        // There, null is an escape of its own, and `\\N` is the text.
        let is_text = matches!(self.parser, Parser::Escaped(_)) && cell == DATABASE_NULL;
        if self.dialect.null_values.iter().any(|null| null == cell) && !is_text {
            return Ok(None);
        }
        if cell == DATABASE_NULL && self.dialect.null_values.is_empty() && !is_text {
            let message = r"the value is \N, as databases write null; give --null-value '\N' if it is null, or --null-value '' if it is text";
            return Err(malformed(name, message));
        }
        Ok(Some(cell))
    }
}

fn quote_problem(problem: QuoteProblem) -> &'static str {
    match problem {
        QuoteProblem::Unclosed => "a quote is not closed before the file ends; close it, or give --no-quotes",
        QuoteProblem::GoesOn => {
            r"a quoted value goes on after its closing quote; double quotes inside it, give --escape '\' if backslashes protect them, or --no-quotes if quotes are part of the text"
        }
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
        let document = self.document(&row);
        let number = first + row.blank_lines + 1;
        Ok(Next::Record(record(row, number, document)))
    }

    fn at(&self) -> At {
        At::of(self.rows, &self.content)
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
