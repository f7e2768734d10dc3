//! What the tests stand on.

pub mod qdrant_server;
pub mod remote_stores;
