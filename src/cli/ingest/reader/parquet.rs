//! Parquet input: one document per row.
//!
//! The `parquet` crate decodes the mapped columns, one row group and one page at a time. Rows are assembled here, because the
//! crate's record API loses precision of INT96 timestamps and fails at strings that are not UTF-8. The crate panics on some
//! inconsistent files; those panics are converted to errors.
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
