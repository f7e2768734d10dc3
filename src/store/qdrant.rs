//! Store on a Qdrant server, over gRPC.
//!
//! Uses the messages and stubs of `qdrant-client` on a channel of our own. The crate's connection pool maps a refused
//! connection to INTERNAL, which Qdrant also returns for its own failures, and retries some calls silently. Here the
//! pipeline's writer decides on retries, so each failure must be reported unchanged.
//!
//! Each call has a timeout and sends one request. Writes set `wait`, so that Qdrant answers after it has applied them, and
//! succeed only if the response status is `Completed`.
//!
//! See docs/adr/0035-qdrant-definite-and-unknown-outcomes.md.

mod aliases;
mod collection;
mod config;
mod connection;
mod convert;
mod error;
mod filter;
mod response;
mod sharding;
mod store;
mod versions;

pub use self::config::{ApiKey, InvalidApiKey, InvalidQdrantUrl, QdrantConfig, QdrantUrl};
pub use self::store::QdrantStore;
