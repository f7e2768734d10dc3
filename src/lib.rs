//! splade-sidecar turns streams of documents into learned sparse vectors and indexes them in Qdrant.
//!
//! # Module map
//!
//! The path of a document through the modules, and of its result back to the client:
//!
//! ```text
//!  client ══▶ grpc ──▶ pipeline: admission ▸ lanes ▸ encoder threads ▸ writer ──▶ store ══▶ Qdrant, or a directory
//!         ◀══      ◀── results                          │
//!                                                       └──▶ model: tokenizer ▸ transformer ▸ SPLADE head
//! ```
//!
//! A module depends only on modules above it in this list:
//!
//! - [`types`]: shared domain types: documents, ids, sparse vectors, filters, API errors.
//! - [`metrics`]: metric names and descriptions. [`trace`]: span context and `traceparent` propagation. [`proto`]: messages
//!   and services generated from `proto/splade_sidecar/v1`. [`version`]: version and build features. `durable`: atomic,
//!   durable file replacement. `json`: strict JSON parser for documents.
//! - [`model`]: loads a model directory into a tokenizer and an encoder. Independent of documents and stores.
//! - [`store`]: the [`VectorStore`](store::VectorStore) trait, the Qdrant client and the embedded Qdrant engine. Independent
//!   of models.
//! - [`catalog`]: collections, aliases, and the check that a collection belongs to the loaded model.
//! - [`pipeline`]: encodes documents and writes them to the store, with bounded memory. Independent of gRPC.
//! - [`grpc`]: the gRPC services: validate requests, call the pipeline and the store, and build responses.
//! - [`http`]: HTTP gateway with JSON transcoding of the gRPC services.
//! - [`config`]: parses flags and environment into a validated [`Config`](config::Config).
//! - [`server`]: listeners and connections: the accept loop, TLS, file reload. [`admin`]: metrics endpoint and status page.
//! - [`app`]: builds the components, serves, and drains on shutdown.
//! - [`cli`]: the command line: `serve` and other commands that load the model, and client commands that use only the gRPC
//!   API.
//!
//! # Central invariant
//!
//! A [`Finalizer`](pipeline::Finalizer) accompanies each document through the pipeline. It owns the document's admission
//! permit and sends the document's result, even if it is dropped early. This guarantees exactly one result per document
//! and bounded memory.

pub mod admin;
pub mod app;
pub mod catalog;
pub mod cli;
pub mod config;
mod durable;
mod env_var;
mod features;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod grpc;
#[cfg(feature = "http")]
pub mod http;
mod json;
pub mod metrics;
pub mod model;
mod panics;
pub mod pipeline;
pub mod proto;
pub mod server;
pub mod store;
pub mod trace;
pub mod types;
pub mod version;
