//! The one integration binary: a file a concern, on real sockets.

mod qdrant_store;
mod support;
mod cli;
mod hub;
