//! Shared helpers of the integration tests: servers, clients, proxies, models and documents.

pub mod certificates;
pub mod documents;
pub mod endpoint;
pub mod failure;
pub mod http1;
pub mod http2;
pub mod models;
pub mod mount;
pub mod process;
pub mod proxy;
pub mod qdrant_server;
pub mod queries;
pub mod raw_calls;
pub mod remote_stores;
pub mod seeded_rng;
pub mod sidecar;
pub mod skips;
pub mod store_flags;
pub mod sync_faults;
pub mod upload;
