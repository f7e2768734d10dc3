//! The one integration binary: a file a concern, on real sockets.

mod edge_store;
mod store_contract;
