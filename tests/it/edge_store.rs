//! The embedded store: the contract, and what only it promises.

use std::sync::Arc;

use splade_sidecar::store::{EdgeOptions, EdgeStore, VectorStore};
use tempfile::TempDir;

fn open() -> [(Arc<dyn VectorStore>, TempDir); 1] {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = EdgeStore::open(folder.path(), EdgeOptions::default()).expect("a store");
    [(Arc::new(store), folder)]
}

mod contract {
    crate::store_contract::contract_tests!(super::open);
}
