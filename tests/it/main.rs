//! The integration test binary: one module per subject, over real sockets.

// Tests may panic.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// Helpers of a disabled feature's tests are unused in a build without it.
#![cfg_attr(
    not(all(feature = "embedded", feature = "http", feature = "otlp", feature = "parquet", feature = "verify")),
    allow(dead_code, unused_imports)
)]

mod api;
mod cli;
mod delivery;
#[cfg(feature = "embedded")]
mod edge_store;
mod features;
mod golden;
#[cfg(feature = "http")]
mod http;
mod hub;
#[cfg(feature = "http")]
mod interfaces;
mod layering;
mod model_files;
mod model_settings;
mod qdrant_store;
mod readme;
mod security;
mod store_contract;
mod structure;
mod support;
mod upgrade;
