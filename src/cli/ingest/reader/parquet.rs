//! Parquet: a document a row.
//!
//! Columns are read by the `parquet` crate, a row group after the other and a page at a time, those that are wanted. Their
//! values are put together to rows here: the crate's own rows lose digits of old timestamps, and end at a string that is not
//! UTF-8. The crate panics on some files that contradict themselves; here that is an error like others.
//!
//! See docs/adr/0055-parquet-rows.md.

mod check;
mod column_kind;
mod columns;
mod leaf_cursor;
mod panic_guard;
mod row_assembler;
mod rows;
mod schema;
#[cfg(test)]
mod tests;
mod time;
mod value_converter;

pub use self::rows::ParquetRows;
