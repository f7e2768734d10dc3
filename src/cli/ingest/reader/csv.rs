//! Comma-separated values: a header row with the column names, then one document per row.
//!
//! See docs/adr/0056-csv-rows.md.

mod cell;
mod dialect;
mod escaped_parser;
mod quoted_parser;
mod row;
mod row_mapper;
mod row_parser;
mod rows;

pub use self::cell::CellType;
pub use self::dialect::CsvDialect;
pub use self::rows::CsvRows;
