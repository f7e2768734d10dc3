//! CSV dialect: delimiter, quotes, escapes, null values and column types.

use std::collections::BTreeMap;

use super::cell::CellType;

/// CSV dialect: delimiter, quotes, escapes, null values and column types.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvDialect {
    pub delimiter: u8,
    /// True if a quote character at the start of a value opens a quoted value; false treats quotes as literal characters.
    pub has_quotes: bool,
    pub quote: u8,
    /// Escape character: within quoted values, or everywhere if `has_quotes` is false.
    pub escape: Option<u8>,
    /// Values that mean null.
    pub null_values: Vec<String>,
    /// Column names of a file without a header row.
    pub columns: Option<Vec<String>>,
    /// Types of columns that are not strings, by column name.
    pub column_types: BTreeMap<String, CellType>,
}

impl Default for CsvDialect {
    fn default() -> Self {
        Self {
            delimiter: b',',
            has_quotes: true,
            quote: b'"',
            escape: None,
            null_values: Vec::new(),
            columns: None,
            column_types: BTreeMap::new(),
        }
    }
}

impl CsvDialect {
    /// Returns the escape character if quotes are disabled.
    pub fn escape_without_quotes(&self) -> Option<u8> {
        self.escape.filter(|_| !self.has_quotes)
    }
}
