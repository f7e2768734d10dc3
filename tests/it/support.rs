//! What the tests stand on.

pub mod certificates;
pub mod documents;
pub mod endpoint;
pub mod failure;
pub mod models;
pub mod process;
pub mod qdrant_server;
pub mod remote_stores;
pub mod sidecar;
pub mod upload;
