//! Entry points of the fuzz targets in `fuzz/`: one function per kind of untrusted input, which asserts properties that
//! hold for any bytes.
//!
//! Compiled only for tests and with `--cfg fuzzing`, which cargo-fuzz sets. A violated property panics, so that the fuzzer
//! reports the input.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[cfg(test)]
mod corpora;
mod files;
mod messages;
mod models;

pub use files::{check_csv, check_json_lines, check_parquet};
pub use messages::{check_document, check_ingest_options, check_operation, check_search_request};
pub use models::{check_model, check_text};
