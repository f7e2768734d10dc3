//! splade-sidecar turns streams of documents into learned sparse vectors and indexes them in Qdrant.
//!
//! This is the map. A document's way goes through these modules, and back:
//!
//! ```text
//!  client ══▶ grpc ──▶ pipeline: admission ▸ lanes ▸ encoder threads ▸ writer ──▶ store ══▶ Qdrant, or a folder
//!         ◀══      ◀── results                          │
//!                                                       └──▶ model: tokenizer ▸ transformer ▸ SPLADE head
//! ```
//!
//! - [`types`]: the nouns that all share: documents, ids, sparse vectors, filters, faults.
//! - [`metrics`]: every metric's name. [`trace`]: what links a call to its work. [`proto`]: the contract, generated from
//!   `proto/splade_sidecar/v1`. [`version`]: which build this is. `durable`: files replaced as a
//!   whole. `json`: JSON text of documents, read strictly.
//! - [`model`]: a folder of files becomes a tokenizer and an encoder. Knows nothing of documents.
//! - [`store`]: the trait of stores, Qdrant over gRPC, and Qdrant's engine embedded. Knows nothing of models.
//! - [`catalog`]: which collections there are, and which model's vectors belong in them.
//! - [`pipeline`]: from a document to a confirmed write, with a bound on everything. Knows nothing of gRPC.
//! - [`grpc`]: the services. Requests are checked, handed to the pipeline and the store, and answered.
//! - [`http`]: a door to them for those who speak JSON.
//! - [`config`]: what was typed becomes what is meant.
//! - [`server`]: sockets and their connections: the accept loop, TLS, reloaded files. [`admin`]: metrics, the status and its
//!   page.
//! - [`app`]: wiring; serves and drains.
//! - [`cli`]: the command line: `serve` and other commands that run the engine, and client commands that know only the gRPC
//!   API.
//!
//! Each module sees only those above it in this list. The one idea to hold on to is the
//! [`Finalizer`](pipeline::Finalizer): it travels with a document, owns its permit and the duty to answer for it, and
//! answers even when it is dropped. From it follow the promises: exactly one result for each document, and memory that
//! does not grow.

pub mod admin;
pub mod app;
pub mod catalog;
pub mod cli;
pub mod config;
mod durable;
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
