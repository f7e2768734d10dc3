//! The embedded store.

mod catalog;
mod reader;
mod writer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use parking_lot::RwLock;
use tokio::sync::{Mutex, Semaphore};

use super::aliases::Aliases;
use super::blocking::run_blocking;
use super::collection::EdgeCollection;
use super::directory::StoreDirectory;
use super::error::closed_error;
use super::open_collection::OpenCollection;
use super::open_store::OpenStore;
use super::options::EdgeOptions;
use crate::store::{StoreError, VectorStore};

/// A vector store that keeps its collections in a local directory, with Qdrant's engine in this process.
#[derive(Debug)]
pub struct EdgeStore {
    options: EdgeOptions,
    /// `None` after the store has been closed.
    inner: Arc<RwLock<Option<OpenStore>>>,
    read_permits: Arc<Semaphore>,
    /// Held while a collection is created or an alias is changed, so that a name can't become both a collection and an
    /// alias.
    names_lock: Arc<Mutex<()>>,
}

impl EdgeStore {
    /// Opens a directory and every collection in it; creates the directory if it does not exist. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if another process uses the directory, it can't be written to, or a collection can't be opened.
    pub fn open(dir: &Path, options: EdgeOptions) -> Result<Self, StoreError> {
        let directory = Arc::new(StoreDirectory::open(dir)?);
        let mut collections = BTreeMap::new();
        for name in directory.list_collections()? {
            let collection = OpenCollection::new(&name, &directory, options.optimize_after_points)?;
            collections.insert(name, collection);
        }
        let aliases = Aliases::read(directory.path())?;
        let store = OpenStore { directory, collections, aliases };
        let read_permits = Arc::new(Semaphore::new(options.max_concurrent_reads.max(1)));
        Ok(Self { options, inner: Arc::new(RwLock::new(Some(store))), read_permits, names_lock: Arc::default() })
    }

    /// Calls `read` with the open store.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the store has been closed.
    fn with_open<T>(&self, read: impl FnOnce(&OpenStore) -> T) -> Result<T, StoreError> {
        let open = self.inner.read();
        open.as_ref().map(read).ok_or_else(closed_error)
    }

    fn find(&self, name: &str) -> Result<Arc<EdgeCollection>, StoreError> {
        let found = self.with_open(|open| open.find(name).map(|found| found.collection.clone()))?;
        found.ok_or_else(|| StoreError::CollectionNotFound(name.to_owned()))
    }

    /// Waits for a read permit, then runs `work` on a blocking thread.
    async fn read<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&EdgeCollection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.read_permits.clone().acquire_owned().await.map_err(|_| closed_error())?;
        let collection = self.find(name)?;
        run_blocking(move || {
            let result = work(&collection);
            // Drop the collection before the permit: `close` takes all permits to make sure that no read still holds a
            // collection.
            drop(collection);
            drop(permit);
            result
        })
        .await
    }
}

#[async_trait]
impl VectorStore for EdgeStore {
    async fn check_ready(&self) -> Result<(), StoreError> {
        self.with_open(|open| open.collections.iter().try_for_each(|(name, open)| open.check_writable(name)))?
    }

    /// Closes the store. Waits for writes and reads in flight, and up to five seconds for a merge. A longer merge keeps the
    /// directory locked until it ends or the process exits.
    async fn close(&self) -> Result<(), StoreError> {
        // Take the store first, so that new calls fail; then wait for the reads in flight.
        let Some(open) = self.inner.write().take() else { return Ok(()) };
        let all_permits = u32::try_from(self.options.max_concurrent_reads.max(1)).unwrap_or(u32::MAX);
        let _permits = self.read_permits.acquire_many(all_permits).await;
        self.read_permits.close();
        run_blocking(move || open.close()).await
    }
}
