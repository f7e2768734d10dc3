//! The one integration binary: a file a concern, on real sockets.

mod cli;
mod delivery;
mod edge_store;
mod golden;
mod hub;
mod qdrant_store;
mod store_contract;
mod support;
