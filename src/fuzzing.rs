//! What the fuzz targets of `fuzz/` call: the ways by which bytes from outside come in, and the laws that hold for any bytes.
//!
//! No part of the service: compiled for tests and with `--cfg fuzzing`, which cargo-fuzz sets. A law that is broken is a panic,
//! which is what a fuzzer looks for.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[cfg(test)]
mod corpora;
mod files;
mod messages;
mod models;

pub use files::{check_csv, check_json_lines, check_parquet};
pub use messages::{check_document, check_ingest_options, check_operation, check_search_request};
pub use models::{check_model, check_text};
