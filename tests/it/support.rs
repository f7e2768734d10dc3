//! What the tests stand on.

pub mod models;
pub mod qdrant_server;
pub mod remote_stores;
pub mod sidecar;
