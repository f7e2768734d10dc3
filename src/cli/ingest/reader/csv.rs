//! Comma-separated values: a line of names, then a row of values each.

mod cell;
mod dialect;
mod escaped;
mod parser;
mod quoted;
mod row;
mod rows;
mod table;

pub use self::cell::CellType;
pub use self::dialect::Dialect;
pub use self::rows::CsvRows;
