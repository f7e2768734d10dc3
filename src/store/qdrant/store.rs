//! The store on a Qdrant server.

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

/// How long a server may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// A Qdrant server.
#[derive(Debug)]
pub struct QdrantStore {
    connection: QdrantConnection,
    /// Whether the last consistent read failed for want of replicas, so that it is logged once an outage.
    is_missing_replicas: AtomicBool,
}

impl QdrantStore {
    /// Prepares to talk to a server; the first call connects. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if TLS can't be set up.
    pub fn new(config: QdrantConfig) -> Result<Self, StoreError> {
        Ok(Self { connection: QdrantConnection::new(config)?, is_missing_replicas: AtomicBool::new(false) })
    }

    /// Which shards a request is for; `None` leaves it to Qdrant.
    fn shard_key_selector(&self) -> Option<ShardKeySelector> {
        let key = self.connection.config().shard_key.clone()?;
        Some(ShardKeySelector { shard_keys: vec![key.into()], fallback: None })
    }
}

#[async_trait]
impl VectorStore for QdrantStore {
    /// Lists the collections. Qdrant answers its health check without looking at the API key, so that a wrong one
    /// would go unseen.
    async fn check_ready(&self) -> Result<(), StoreError> {
        let mut collections = self.connection.collections_client()?;
        let timeout = READY_TIMEOUT.min(self.connection.config().timeout);
        self.connection.call_with_timeout(timeout, "", collections.list(ListCollectionsRequest {})).await?;
        Ok(())
    }

    /// Lets go of the connection. There is nothing to write out: what was confirmed is written.
    async fn close(&self) -> Result<(), StoreError> {
        self.connection.close();
        Ok(())
    }
}
