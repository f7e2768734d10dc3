//! What the rows of a file become.

use anyhow::{bail, ensure};
use serde_json::Value;

use super::dialect::CsvDialect;
use super::quoted_parser::{QuoteError, check_quotes};
use super::row::{Cells, CsvRow, MAX_CELLS};
use crate::cli::id;
use crate::cli::ingest::mapping::{FieldMapping, Fields, NOT_UTF8, reject_malformed, reject_too_long};
use crate::proto::document_id::Kind;
use crate::proto::{Document, ItemError};

/// How databases write null in their exports.
const DATABASE_NULL: &str = r"\N";

const INDEX_NOTICE: &str = "its first column has no name, as pandas writes its index; it is not stored (name it in the file, or with \
                            --columns and --skip 1, to store it)";

/// The columns of a file, and what becomes of them.
pub struct RowMapper {
    mapping: FieldMapping,
    dialect: CsvDialect,
    columns: Vec<String>,
    /// The position of a column that is left out: pandas' index.
    index_column: Option<usize>,
}

impl RowMapper {
    /// Of a file whose columns are not known yet.
    pub fn new(mapping: FieldMapping, dialect: CsvDialect) -> Self {
        Self { mapping, dialect, columns: Vec::new(), index_column: None }
    }

    /// Takes the names of the columns. Returns a remark about them, for people.
    ///
    /// # Errors
    /// If two are the same, or those of the id or the text are not among them.
    pub fn set_columns(&mut self, columns: Vec<String>) -> anyhow::Result<Option<&'static str>> {
        self.check_delimiter(&columns)?;
        self.mapping.check_columns(columns.iter().map(String::as_str))?;
        check_column_names(&columns, &self.mapping)?;
        columns
            .iter()
            .filter(|name| self.dialect.column_types.contains_key(*name))
            .for_each(|name| self.mapping.seen_fields.insert(name));
        let has_index = columns.len() > 1 && columns.first().is_some_and(String::is_empty);
        self.index_column = (has_index && self.mapping.payload_fields.is_none()).then_some(0);
        self.columns = columns;
        Ok(self.index_column.map(|_| INDEX_NOTICE))
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

    /// Maps a row to its document.
    ///
    /// # Errors
    /// If it is none.
    pub fn map_row(&self, row: &CsvRow, cells: &Cells) -> Result<Document, ItemError> {
        self.check_row(row, cells)?;
        let mut fields = Fields::new();
        let mut id = None;
        for (at, (name, cell)) in self.columns.iter().zip(cells.iter()).enumerate() {
            if Some(at) == self.index_column || !self.mapping.uses_column(name) {
                continue;
            }
            let Some(cell) = self.decode_cell(name, cell)? else {
                fields.insert(name.clone(), Value::Null);
                continue;
            };
            let value = match self.dialect.column_types.get(name) {
                Some(cell_type) => cell_type.parse_cell(cell).map_err(|problem| reject_malformed(name, problem))?,
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
            Some(id) => self.mapping.map_record_with_id(fields, Some(id)),
            None => self.mapping.map_record(fields),
        }
    }

    /// Checks a row as a whole.
    fn check_row(&self, row: &CsvRow, cells: &Cells) -> Result<(), ItemError> {
        if row.is_truncated && row.cell_count <= MAX_CELLS {
            return Err(reject_too_long(row.total_bytes));
        }
        if self.dialect.escape_without_quotes().is_none() && !row.is_truncated {
            check_quotes(&row.raw, &self.dialect)
                .map_err(|problem| reject_malformed("", describe_quote_error(problem)))?;
        }
        if row.cell_count != self.columns.len() {
            let message = format!(
                "the row has {} values and there are {} columns; put values that hold a separator in quotes",
                row.cell_count,
                self.columns.len()
            );
            return Err(reject_malformed("", message));
        }
        if self.columns.len() > 1 && self.is_header_row(cells) {
            let message = "the row repeats the names of the columns, as files do that were joined; remove it";
            return Err(reject_malformed("", message));
        }
        Ok(())
    }

    fn is_header_row(&self, cells: &Cells) -> bool {
        let names = self.columns.iter().map(String::as_bytes);
        names.zip(cells.iter()).all(|(name, cell)| cell.is_some_and(|cell| cell.trim_ascii() == name))
    }

    /// Returns the text of a cell; `None` for null.
    fn decode_cell<'a>(&self, name: &str, cell: Option<&'a [u8]>) -> Result<Option<&'a str>, ItemError> {
        let Some(cell) = cell else { return Ok(None) };
        let cell = std::str::from_utf8(cell).map_err(|_| reject_malformed(name, NOT_UTF8))?;
        // There, null is an escape of its own, and `\\N` is the text.
        let is_text = self.dialect.escape_without_quotes().is_some() && cell == DATABASE_NULL;
        if self.dialect.null_values.iter().any(|null| null == cell) && !is_text {
            return Ok(None);
        }
        if cell == DATABASE_NULL && self.dialect.null_values.is_empty() && !is_text {
            let message = r"the value is \N, as databases write null; give --null-value '\N' if it is null, or --null-value '' if it is text";
            return Err(reject_malformed(name, message));
        }
        Ok(Some(cell))
    }
}

fn describe_quote_error(problem: QuoteError) -> &'static str {
    match problem {
        QuoteError::Unclosed => "a quote is not closed before the file ends; close it, or give --no-quotes",
        QuoteError::TextAfterQuote => {
            r"a quoted value goes on after its closing quote; double quotes inside it, give --escape '\' if backslashes protect them, or --no-quotes if quotes are part of the text"
        }
    }
}

/// Names of columns that are wanted. An empty name is one, as an empty key of JSON is.
fn check_column_names(columns: &[String], mapping: &FieldMapping) -> anyhow::Result<()> {
    for (at, name) in columns.iter().enumerate().filter(|(_, name)| mapping.uses_column(name)) {
        let is_duplicate = columns.iter().skip(at + 1).any(|other| other == name);
        ensure!(
            !is_duplicate,
            "two of its columns are called `{name}`; give each a name of its own, or name those to read with --payload-fields"
        );
    }
    Ok(())
}
