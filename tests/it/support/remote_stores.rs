//! The remote store over the test server and, if `QDRANT_URL` is set, over a real one (key: `QDRANT_API_KEY`).

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use qdrant_client::Qdrant;
use splade_sidecar::store::qdrant::{QdrantConfig, QdrantStore};

use super::qdrant_server::QdrantServer;

/// A store over a running server, which is left as it was found.
#[derive(Debug)]
pub struct RemoteStore {
    /// Which server it is, for messages.
    pub label: &'static str,
    pub store: QdrantStore,
    config: QdrantConfig,
    /// The collections that tests have named.
    named: Mutex<Vec<String>>,
    /// The server itself, if it is ours.
    _server: Option<QdrantServer>,
}

/// The stores that a law of remote stores has to hold for.
pub fn remote_stores() -> Vec<RemoteStore> {
    let server = QdrantServer::start();
    let mut stores = vec![RemoteStore::new("test server", config(&server.url()), Some(server))];
    match std::env::var("QDRANT_URL") {
        Ok(url) => {
            let mut config = config(&url);
            config.api_key = std::env::var("QDRANT_API_KEY").ok().map(|key| key.parse().unwrap());
            stores.push(RemoteStore::new("QDRANT_URL", config, None));
        }
        Err(_) => eprintln!("skipped: QDRANT_URL is not set, so nothing was tried on a real Qdrant server"),
    }
    stores
}

/// The defaults for a server at `url`.
pub fn config(url: &str) -> QdrantConfig {
    QdrantConfig::new(url.parse().unwrap())
}

impl RemoteStore {
    fn new(label: &'static str, config: QdrantConfig, server: Option<QdrantServer>) -> Self {
        let store = QdrantStore::new(config.clone()).unwrap();
        Self { label, store, config, named: Mutex::default(), _server: server }
    }

    /// A name that no collection has. A collection of that name is deleted by [`Self::clean_up`].
    pub fn collection(&self, name: &str) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_nanos();
        let name = format!("splade_test_{name}_{since_epoch}_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.named.lock().unwrap().push(name.clone());
        name
    }

    /// Qdrant's own client for the same server.
    pub fn client(&self) -> Qdrant {
        let mut client = Qdrant::from_url(&self.config.url.to_string()).skip_compatibility_check();
        client.api_key = std::env::var("QDRANT_API_KEY").ok();
        client.build().unwrap()
    }

    /// Deletes the collections that were named.
    pub async fn clean_up(self) {
        let client = self.client();
        for name in self.named.into_inner().unwrap() {
            client.delete_collection(name).await.unwrap();
        }
    }
}
