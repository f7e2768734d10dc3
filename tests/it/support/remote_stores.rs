//! The remote store over the test server and, if `QDRANT_URL` is set, over a real server (API key: `QDRANT_API_KEY`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::thread;

use async_trait::async_trait;
use qdrant_client::Qdrant;
use splade_sidecar::store::{
    CollectionCatalog, CollectionInfo, PointPage, PointReader, PointWriter, QdrantConfig, QdrantStore, ScrollQuery,
    SearchQuery, StoreError, VectorStore, WithVectors,
};
use splade_sidecar::types::{CollectionSpec, Digest, Point, PointId, StoredPoint};

use super::qdrant_server::QdrantServer;
use super::skips::skip;

/// Returns the stores that a test of remote stores runs on, each with its server, which must outlive it.
///
/// Collections that are created on the real server through the store are deleted when the guard is dropped.
pub fn remote_stores() -> Vec<(Arc<dyn VectorStore>, RemoteServer)> {
    let server = QdrantServer::start();
    let config = default_config(&server.url());
    let mut stores: Vec<(Arc<dyn VectorStore>, RemoteServer)> = vec![(
        Arc::new(QdrantStore::new(config.clone()).unwrap()),
        RemoteServer::InProcess { config, _server: server },
    )];
    match std::env::var("QDRANT_URL") {
        Ok(url) => stores.push(connect_external(&url)),
        Err(_) => skip("qdrant"),
    }
    stores
}

/// Returns the default configuration for a server at `url`.
pub fn default_config(url: &str) -> QdrantConfig {
    QdrantConfig::new(url.parse().unwrap())
}

fn connect_external(url: &str) -> (Arc<dyn VectorStore>, RemoteServer) {
    let mut config = default_config(url);
    config.api_key = api_key().map(|key| key.parse().unwrap());
    let created = Arc::default();
    let store = RecordingStore { store: QdrantStore::new(config.clone()).unwrap(), created: Arc::clone(&created) };
    (Arc::new(store), RemoteServer::External { config, created })
}

fn api_key() -> Option<String> {
    std::env::var("QDRANT_API_KEY").ok()
}

/// The server of a store.
pub enum RemoteServer {
    InProcess { config: QdrantConfig, _server: QdrantServer },
    External { config: QdrantConfig, created: Arc<Mutex<Vec<String>>> },
}

impl RemoteServer {
    /// Returns a client of the official Qdrant library for the server.
    pub fn client(&self) -> Qdrant {
        let (Self::InProcess { config, .. } | Self::External { config, .. }) = self;
        let client = Qdrant::from_url(&config.url.to_string()).skip_compatibility_check();
        client.api_key(api_key()).build().unwrap()
    }

    /// Deletes a collection at the end that was not created through the store.
    pub fn delete_later(&self, name: &str) {
        if let Self::External { created, .. } = self {
            created.lock().unwrap().push(name.to_owned());
        }
    }
}

impl Drop for RemoteServer {
    fn drop(&mut self) {
        let Self::External { created, .. } = self else { return };
        let names = std::mem::take(&mut *created.lock().unwrap());
        let client = self.client();
        let delete = async move {
            for name in names {
                client.delete_collection(name).await.unwrap();
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // On a separate thread, because async threads must not block on a runtime.
        let deleted = thread::spawn(move || runtime.block_on(delete)).join();
        assert!(deleted.is_ok() || thread::panicking(), "could not delete the collections of the test");
    }
}

/// A store that records which collections were created.
#[derive(Debug)]
struct RecordingStore {
    store: QdrantStore,
    created: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl CollectionCatalog for RecordingStore {
    async fn get_collection(&self, name: &str) -> Result<Option<CollectionInfo>, StoreError> {
        self.store.get_collection(name).await
    }

    async fn list_collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        self.store.list_collections().await
    }

    async fn create_collection(&self, name: &str, spec: &CollectionSpec) -> Result<(), StoreError> {
        self.store.create_collection(name, spec).await?;
        self.created.lock().unwrap().push(name.to_owned());
        Ok(())
    }

    async fn complete_collection(&self, info: &CollectionInfo, requested: &CollectionSpec) -> Result<(), StoreError> {
        self.store.complete_collection(info, requested).await
    }

    async fn list_aliases(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.store.list_aliases().await
    }

    async fn set_alias(&self, alias: &str, collection: &str) -> Result<(), StoreError> {
        self.store.set_alias(alias, collection).await
    }

    async fn delete_alias(&self, alias: &str) -> Result<(), StoreError> {
        self.store.delete_alias(alias).await
    }
}

#[async_trait]
impl PointReader for RecordingStore {
    async fn search(&self, name: &str, query: SearchQuery) -> Result<Vec<StoredPoint>, StoreError> {
        self.store.search(name, query).await
    }

    async fn retrieve(
        &self,
        name: &str,
        ids: &[PointId],
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        self.store.retrieve(name, ids, vectors).await
    }

    async fn scroll(&self, name: &str, from: ScrollQuery) -> Result<PointPage, StoreError> {
        self.store.scroll(name, from).await
    }
}

#[async_trait]
impl PointWriter for RecordingStore {
    async fn upsert(&self, name: &str, vector_name: &str, points: &[Point]) -> Result<(), StoreError> {
        self.store.upsert(name, vector_name, points).await
    }

    async fn upsert_newer(
        &self,
        name: &str,
        vector_name: &str,
        points: &[Point],
    ) -> Result<HashSet<PointId>, StoreError> {
        self.store.upsert_newer(name, vector_name, points).await
    }

    async fn delete(&self, name: &str, ids: &[PointId]) -> Result<(), StoreError> {
        self.store.delete(name, ids).await
    }

    async fn delete_older(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashSet<PointId>, StoreError> {
        self.store.delete_older(name, points).await
    }

    async fn fetch_digests(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
        self.store.fetch_digests(name, ids).await
    }

    async fn wait_until_settled(&self) -> Result<(), StoreError> {
        self.store.wait_until_settled().await
    }
}

#[async_trait]
impl VectorStore for RecordingStore {
    async fn check_ready(&self) -> Result<(), StoreError> {
        self.store.check_ready().await
    }

    async fn close(&self) -> Result<(), StoreError> {
        self.store.close().await
    }
}
