//! A Qdrant server as the store, over its gRPC protocol.
//!
//! The messages and stubs are `qdrant-client`'s; the channel under them is ours. The crate's own connection pool hides
//! a refused connection behind INTERNAL, which Qdrant also answers for faults of its own, and sends some calls a second
//! time by itself. Here the writer decides what is sent again, so every failure must come through as it is.
//!
//! Each call is bounded in time and is one request. Writes wait until Qdrant has applied them (`wait`), and count only
//! if it says so.
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
