//! splade-sidecar turns streams of documents into learned sparse vectors and indexes them in Qdrant.

pub mod app;
pub mod cli;
pub mod config;
pub mod grpc;
pub mod metrics;
pub mod model;
pub mod pipeline;
pub mod proto;
pub mod store;
pub mod types;
