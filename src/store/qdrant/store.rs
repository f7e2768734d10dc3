//! The store client of a Qdrant server.

mod catalog;
mod decode_fallback;
mod reader;
mod writer;

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use async_trait::async_trait;
use qdrant_client::qdrant::{ListCollectionsRequest, ShardKeySelector};

use super::config::QdrantConfig;
use super::connection::QdrantConnection;
use crate::store::{StoreError, VectorStore};

/// Timeout of the readiness check.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// Vector store on a Qdrant server.
#[derive(Debug)]
pub struct QdrantStore {
    connection: QdrantConnection,
    /// Set if the last consistent read failed because replicas were missing, so that each outage is logged once.
    is_missing_replicas: AtomicBool,
}

impl QdrantStore {
    /// Creates the client of a server; the first call connects. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if TLS can't be set up.
    pub fn new(config: QdrantConfig) -> Result<Self, StoreError> {
        Ok(Self { connection: QdrantConnection::new(config)?, is_missing_replicas: AtomicBool::new(false) })
    }

    /// Returns the shard key selector of requests; `None` if no shard key is configured.
    fn shard_key_selector(&self) -> Option<ShardKeySelector> {
        let key = self.connection.config().shard_key.clone()?;
        Some(ShardKeySelector { shard_keys: vec![key.into()], fallback: None })
    }
}

#[async_trait]
impl VectorStore for QdrantStore {
    /// Checks the server by listing its collections. Qdrant's health check would not detect a wrong API key, because it does
    /// not require one.
    async fn check_ready(&self) -> Result<(), StoreError> {
        let mut collections = self.connection.collections_client()?;
        let timeout = READY_TIMEOUT.min(self.connection.config().timeout);
        self.connection.call_with_timeout(timeout, "", collections.list(ListCollectionsRequest {})).await?;
        Ok(())
    }

    /// Closes the connection. There is nothing to flush: confirmed writes are stored by the server.
    async fn close(&self) -> Result<(), StoreError> {
        self.connection.close();
        Ok(())
    }
}
