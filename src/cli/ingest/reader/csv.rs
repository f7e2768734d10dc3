//! Comma-separated values: a line of names, then a row of values each.
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
