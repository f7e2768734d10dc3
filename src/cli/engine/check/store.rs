//! Opens the store as `serve` would, and asks it whether it is ready.

use std::sync::Arc;

use crate::app::open_store;
use crate::config::StoreConfig;
use crate::store::VectorStore;

/// The flag of the embedded store's directory.
pub const FOLDER: &str = "--store-dir";

/// Returns the problems of a store.
pub async fn check_store(config: &StoreConfig) -> Vec<String> {
    let answer = async {
        let store: Arc<dyn VectorStore> = open_store(config.clone()).await?;
        let ready = store.ready().await;
        let closed = store.close().await;
        ready?;
        Ok::<(), anyhow::Error>(closed?)
    };
    let Err(error) = answer.await else { return Vec::new() };
    vec![match config {
        StoreConfig::Embedded(_) => format!(
            "{FOLDER}: {}; it must be a folder that this user may write to and no other process has open",
            error.root_cause()
        ),
        StoreConfig::Qdrant(config) => format!(
            "--qdrant-url: {}: {error:#}; start the server, or check the URL, --qdrant-api-key and the network",
            config.url.uri()
        ),
    }]
}
