//! What the rows of a file become.

use anyhow::{bail, ensure};
use serde_json::Value;

use super::dialect::Dialect;
use super::quoted::{QuoteProblem, check_quotes};
use super::row::{Cells, MAX_CELLS, Row};
use crate::cli::id;
use crate::cli::ingest::mapping::{Fields, Mapping, NOT_UTF8, malformed, too_long};
use crate::proto::document_id::Kind;
use crate::proto::{Document, ItemError};

/// How databases write null in their exports.
const DATABASE_NULL: &str = r"\N";

const INDEX_NOTICE: &str = "its first column has no name, as pandas writes its index; it is not stored (name it in the file, or with \
                            --columns and --skip 1, to store it)";

/// The columns of a file, and what becomes of them.
pub struct Table {
    mapping: Mapping,
    dialect: Dialect,
    columns: Vec<String>,
    /// The position of a column that is left out: pandas' index.
    index: Option<usize>,
}

impl Table {
    /// Of a file whose columns are not known yet.
    pub fn new(mapping: Mapping, dialect: Dialect) -> Self {
        Self { mapping, dialect, columns: Vec::new(), index: None }
    }

    /// Takes the names of the columns. Returns a remark about them, for people.
    ///
    /// # Errors
    /// If two are the same, or those of the id or the text are not among them.
    pub fn set_columns(&mut self, columns: Vec<String>) -> anyhow::Result<Option<&'static str>> {
        self.check_delimiter(&columns)?;
        self.mapping.check_columns(columns.iter().map(String::as_str))?;
        check_names(&columns, &self.mapping)?;
        columns
            .iter()
            .filter(|name| self.dialect.types.contains_key(*name))
            .for_each(|name| self.mapping.seen.insert(name));
        let has_index = columns.len() > 1 && columns.first().is_some_and(String::is_empty);
        self.index = (has_index && self.mapping.payload_fields.is_none()).then_some(0);
        self.columns = columns;
        Ok(self.index.map(|_| INDEX_NOTICE))
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
    pub fn document(&self, row: &Row, cells: &Cells) -> Result<Document, ItemError> {
        self.check(row, cells)?;
        let mut fields = Fields::new();
        let mut id = None;
        for (at, (name, cell)) in self.columns.iter().zip(cells.iter()).enumerate() {
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
    fn check(&self, row: &Row, cells: &Cells) -> Result<(), ItemError> {
        if row.is_cut && row.cell_count <= MAX_CELLS {
            return Err(too_long(row.bytes));
        }
        if self.dialect.escape_without_quotes().is_none() && !row.is_cut {
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
        if self.columns.len() > 1 && self.is_line_of_names(cells) {
            let message = "the row repeats the names of the columns, as files do that were joined; remove it";
            return Err(malformed("", message));
        }
        Ok(())
    }

    fn is_line_of_names(&self, cells: &Cells) -> bool {
        let names = self.columns.iter().map(String::as_bytes);
        names.zip(cells.iter()).all(|(name, cell)| cell.is_some_and(|cell| cell.trim_ascii() == name))
    }

    /// Returns the text of a cell; `None` for null.
    fn text<'a>(&self, name: &str, cell: Option<&'a [u8]>) -> Result<Option<&'a str>, ItemError> {
        let Some(cell) = cell else { return Ok(None) };
        let cell = std::str::from_utf8(cell).map_err(|_| malformed(name, NOT_UTF8))?;
        // There, null is an escape of its own, and `\\N` is the text.
        let is_text = self.dialect.escape_without_quotes().is_some() && cell == DATABASE_NULL;
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
