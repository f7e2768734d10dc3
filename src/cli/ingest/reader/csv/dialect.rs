//! How values are written.

use std::collections::BTreeMap;

use super::cell::CellType;

/// How values are written.
#[derive(Debug, Clone, PartialEq)]
pub struct CsvDialect {
    pub delimiter: u8,
    /// Whether a quote at the beginning of a value is one.
    pub has_quotes: bool,
    pub quote: u8,
    /// The character that protects the one behind it: in quoted values or, without quotes, everywhere.
    pub escape: Option<u8>,
    /// Values that stand for null.
    pub null_values: Vec<String>,
    /// The names, where the file has no line of them.
    pub columns: Option<Vec<String>>,
    /// What cells are that are no strings, by the names of their columns.
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
    /// Returns the character that protects others, if there are no quotes.
    pub fn escape_without_quotes(&self) -> Option<u8> {
        self.escape.filter(|_| !self.has_quotes)
    }
}
