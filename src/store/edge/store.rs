//! The embedded store itself.

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
use super::blocking::blocking;
use super::collection::Collection;
use super::directory::StoreDirectory;
use super::error::closed;
use super::open_collection::OpenCollection;
use super::open_store::OpenStore;
use super::options::EdgeOptions;
use crate::store::{StoreError, VectorStore};

/// A store that keeps its collections in a directory of this machine.
#[derive(Debug)]
pub struct EdgeStore {
    options: EdgeOptions,
    /// `None` after the store has been closed.
    open: Arc<RwLock<Option<OpenStore>>>,
    reads: Arc<Semaphore>,
    /// Held while a collection is made, or an alias is changed: no name may become both.
    naming: Arc<Mutex<()>>,
}

impl EdgeStore {
    /// Opens the folder, which is made if it is not there, and every collection in it. Blocks.
    ///
    /// # Errors
    /// The folder is in use by another process or can't be written to; a collection can't be read.
    pub fn open(folder: &Path, options: EdgeOptions) -> Result<Self, StoreError> {
        let folder = Arc::new(StoreDirectory::open(folder)?);
        let mut collections = BTreeMap::new();
        for name in folder.collections()? {
            let opened = OpenCollection::new(&name, &folder, options.merge_every)?;
            collections.insert(name, opened);
        }
        let aliases = Aliases::read(folder.path())?;
        let open = OpenStore { folder, collections, aliases };
        let reads = Arc::new(Semaphore::new(options.concurrent_reads.max(1)));
        Ok(Self { options, open: Arc::new(RwLock::new(Some(open))), reads, naming: Arc::default() })
    }

    /// Calls `look` with what is open.
    ///
    /// # Errors
    /// The store has been closed.
    fn with<T>(&self, look: impl FnOnce(&OpenStore) -> T) -> Result<T, StoreError> {
        let open = self.open.read();
        open.as_ref().map(look).ok_or_else(closed)
    }

    fn find(&self, name: &str) -> Result<Arc<Collection>, StoreError> {
        let found = self.with(|open| open.find(name).map(|found| found.collection.clone()))?;
        found.ok_or_else(|| StoreError::CollectionNotFound(name.to_owned()))
    }

    /// Reads on a blocking thread, when there is a place.
    async fn read<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Collection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = self.reads.clone().acquire_owned().await.map_err(|_| closed())?;
        let collection = self.find(name)?;
        blocking(move || {
            let read = work(&collection);
            // Whoever has all the places knows that no read has a collection.
            drop(collection);
            drop(place);
            read
        })
        .await
    }
}

#[async_trait]
impl VectorStore for EdgeStore {
    async fn ready(&self) -> Result<(), StoreError> {
        self.with(|open| open.collections.iter().try_for_each(|(name, open)| open.check(name)))?
    }

    /// Waits for the writes and reads under way, and up to five seconds for a merge. One that takes longer keeps the
    /// folder locked until it is done or the process ends.
    async fn close(&self) -> Result<(), StoreError> {
        let Some(open) = self.open.write().take() else { return Ok(()) };
        let every_place = u32::try_from(self.options.concurrent_reads.max(1)).unwrap_or(u32::MAX);
        let _places = self.reads.acquire_many(every_place).await;
        self.reads.close();
        blocking(move || open.close()).await
    }
}
