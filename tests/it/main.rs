//! The one integration binary: a file a concern, on real sockets.

// A test may end by a panic.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]
// In a build without a feature, what only its tests need is unused.
#![cfg_attr(
    not(all(feature = "embedded", feature = "http", feature = "otlp", feature = "parquet", feature = "verify")),
    allow(dead_code, unused_imports)
)]

mod api;
mod cli;
mod delivery;
#[cfg(feature = "http")]
mod doors;
#[cfg(feature = "embedded")]
mod edge_store;
mod features;
mod golden;
#[cfg(feature = "http")]
mod http;
mod hub;
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
