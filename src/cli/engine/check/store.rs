//! Check of the store: opens it as `serve` does and checks that it is ready.

use std::sync::Arc;

use crate::app::open_store;
use crate::config::StoreConfig;
use crate::store::VectorStore;

/// Flag of the embedded store's directory.
pub const STORE_DIR_FLAG: &str = "--store-dir";

/// Opens a store, checks that it is ready, and returns the problem, if any.
pub async fn check_store(config: &StoreConfig) -> Vec<String> {
    let probe = async {
        let store: Arc<dyn VectorStore> = open_store(config.clone()).await?;
        let ready_result = store.check_ready().await;
        let close_result = store.close().await;
        ready_result?;
        Ok::<(), anyhow::Error>(close_result?)
    };
    let Err(error) = probe.await else { return Vec::new() };
    vec![match config {
        StoreConfig::Embedded(_) => format!(
            "{STORE_DIR_FLAG}: {}; pass a directory that this user can write to and that no other process has open",
            error.root_cause()
        ),
        StoreConfig::Qdrant(config) => format!(
            "--qdrant-url: {}: {error:#}; start the server, or check the URL, --qdrant-api-key and the network",
            config.url.uri()
        ),
    }]
}
