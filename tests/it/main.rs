//! The one integration binary: a file a concern, on real sockets.

mod api;
mod cli;
mod edge_store;
mod golden;
mod hub;
mod layering;
mod qdrant_store;
mod store_contract;
mod support;
