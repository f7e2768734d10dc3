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

pub use files::{csv, json_lines, parquet};
pub use messages::{document, ingest_options, operation, search_request};
pub use models::{model, text};
