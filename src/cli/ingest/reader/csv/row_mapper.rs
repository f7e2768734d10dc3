//! Maps CSV rows to documents.

use anyhow::{bail, ensure};
use serde_json::Value;

use super::dialect::CsvDialect;
use super::quoted_parser::{QuoteError, check_quotes};
use super::row::{Cells, CsvRow, MAX_CELLS};
use crate::cli::id;
use crate::cli::ingest::mapping::{FieldMapping, Fields, NOT_UTF8, reject_malformed, reject_too_long};
use crate::proto::document_id::Kind;
use crate::proto::{Document, ItemError};

/// Null in the exports of databases.
const DATABASE_NULL: &str = r"\N";

const INDEX_NOTICE: &str = "the first column has no name, like the index that pandas writes; it is not stored (to store it, \
                            name it in the file, or pass --columns and --skip 1)";

/// Mapping of the columns of a file to document fields.
pub struct RowMapper {
    mapping: FieldMapping,
    dialect: CsvDialect,
    columns: Vec<String>,
    /// Index of the unnamed index column of pandas, which is not stored.
    index_column: Option<usize>,
}

impl RowMapper {
    /// Creates a mapper whose columns are set later with [`RowMapper::set_columns`].
    pub fn new(mapping: FieldMapping, dialect: CsvDialect) -> Self {
        Self { mapping, dialect, columns: Vec::new(), index_column: None }
    }

    /// Sets the column names. Returns a human-readable notice about them.
    ///
    /// # Errors
    /// If two mapped columns have the same name, the id or text column is missing, or the delimiter seems to be wrong.
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

    /// Detects a wrong delimiter: a header row that is a single name and contains another common delimiter.
    fn check_delimiter(&self, columns: &[String]) -> anyhow::Result<()> {
        if columns.first().is_some_and(|name| name.starts_with("sep=")) {
            bail!(
                "the first line is Excel's `sep=` line, which sets the delimiter; remove that line and pass --delimiter"
            );
        }
        let [only] = columns else { return Ok(()) };
        if self.mapping.is_id_or_text(only) {
            return Ok(());
        }
        if let Some(found) = [',', ';', '\t', '|'].into_iter().find(|&delimiter| only.contains(delimiter)) {
            let found = if found == '\t' { "\\t".to_owned() } else { found.to_string() };
            bail!(
                "the header row is a single column, `{}`; if `{found}` separates the columns, pass --delimiter '{found}'",
                only.escape_debug()
            );
        }
        Ok(())
    }

    /// Maps a row to its document.
    ///
    /// # Errors
    /// If the row is malformed or too long, or does not map to a valid document.
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
                // An id without a declared type is a number if it looks like one.
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

    /// Checks the size, quotes and number of values of a row, and that it is not a repeated header.
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
                "the row has {} values, but there are {} columns; quote values that contain the delimiter",
                row.cell_count,
                self.columns.len()
            );
            return Err(reject_malformed("", message));
        }
        if self.columns.len() > 1 && self.is_header_row(cells) {
            let message = "the row repeats the header row, which happens when files are concatenated; remove it";
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
        // With escapes and no quotes, the parser reports null itself, so a value of `\N` was written as `\\N` and is text.
        let is_text = self.dialect.escape_without_quotes().is_some() && cell == DATABASE_NULL;
        if self.dialect.null_values.iter().any(|null| null == cell) && !is_text {
            return Ok(None);
        }
        if cell == DATABASE_NULL && self.dialect.null_values.is_empty() && !is_text {
            let message = r"the value is \N, which databases export for null; pass --null-value '\N' if it is null, or --null-value '' if it is text";
            return Err(reject_malformed(name, message));
        }
        Ok(Some(cell))
    }
}

fn describe_quote_error(problem: QuoteError) -> &'static str {
    match problem {
        QuoteError::Unclosed => "a quoted value is not closed at the end of the file; close it, or pass --no-quotes",
        QuoteError::TextAfterQuote => {
            r"text follows a closing quote; double the quotes inside the value, pass --escape '\' if they are escaped by backslashes, or --no-quotes if quotes are part of the text"
        }
    }
}

/// Checks that no two mapped columns have the same name. An empty name is valid, like an empty JSON key.
fn check_column_names(columns: &[String], mapping: &FieldMapping) -> anyhow::Result<()> {
    for (at, name) in columns.iter().enumerate().filter(|(_, name)| mapping.uses_column(name)) {
        let is_duplicate = columns.iter().skip(at + 1).any(|other| other == name);
        ensure!(
            !is_duplicate,
            "duplicate column name `{name}`; rename one of the columns, or select the columns to read with --payload-fields"
        );
    }
    Ok(())
}
