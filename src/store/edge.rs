//! The embedded store: Qdrant's engine in this process, on a folder.
//!
//! ```text
//!              ┌─ upsert, delete ──▶ inbox (bounded) ──▶ writer thread ──▶ engine ──▶ files
//!  Collection ─┤                                          │ one a collection   ▲
//!              └─ search, retrieve ──▶ blocking threads ──┼────────────────────┤
//!                                      (so many at once)  └─▶ merge thread ────┘
//! ```
//!
//! The engine's calls block, and what it has not flushed dies with the process. So one thread writes each collection,
//! flushes once for all the writes that wait, and then confirms them (writer.rs); reads run on tokio's blocking
//! threads, a bounded number at once. Readers see a change before it is flushed; digests ignore it until then
//! (durability.rs). What the engine leaves undone when a process dies, the next start does (repair.rs).

mod aliases;
mod apply_error;
mod change;
mod collection;
mod convert;
mod directory;
mod durability;
mod engine;
mod error;
mod filter;
mod guard;
mod inventory;
mod journal;
mod journal_entry;
mod log;
mod merge;
mod net_changes;
mod repair;
mod shard;
#[cfg(test)]
mod simulation;
mod space;
mod spec_file;
mod sync;
mod unreadable;
mod writer;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

use async_trait::async_trait;
use tokio::sync::{Mutex, Semaphore};
use tokio::task::spawn_blocking;

use self::aliases::Aliases;
use self::collection::Collection;
use self::convert::check_sharding;
use self::directory::StoreDirectory;
use self::engine::Engine;
use self::writer::WriterThread;
use super::{
    CollectionCatalog, CollectionInfo, Page, PointReader, PointWriter, ScrollFrom, SearchQuery, StoreError,
    VectorStore, WithVectors,
};
use crate::types::{CollectionSpec, Digest, Point, PointId, StoredPoint, check_collection_name, stored_version};

/// How the embedded store works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EdgeOptions {
    /// The most reads at once, at least 1; others wait.
    pub concurrent_reads: usize,
    /// After how many changed points of a collection its segments are merged where the engine finds it due.
    pub merge_every: usize,
}

impl Default for EdgeOptions {
    /// As many reads as there are cores; a merge every 10,000 points.
    fn default() -> Self {
        let concurrent_reads = thread::available_parallelism().map_or(1, usize::from);
        Self { concurrent_reads, merge_every: 10_000 }
    }
}

/// The embedded store. See the module's head.
#[derive(Debug)]
pub struct EdgeStore {
    options: EdgeOptions,
    /// `None` after the store has been closed.
    open: Arc<RwLock<Option<Open>>>,
    reads: Arc<Semaphore>,
    /// Held while a collection is made, or an alias is changed: no name may become both.
    naming: Arc<Mutex<()>>,
}

#[derive(Debug)]
struct Open {
    folder: Arc<StoreDirectory>,
    collections: BTreeMap<String, OpenCollection>,
    aliases: Aliases,
}

#[derive(Debug)]
struct OpenCollection {
    collection: Arc<Collection>,
    writer: WriterThread,
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
        let open = Open { folder, collections, aliases };
        let reads = Arc::new(Semaphore::new(options.concurrent_reads.max(1)));
        Ok(Self { options, open: Arc::new(RwLock::new(Some(open))), reads, naming: Arc::default() })
    }

    /// Looks at what is open.
    fn with<T>(&self, look: impl FnOnce(&Open) -> T) -> Result<T, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().map(look).ok_or_else(closed)
    }

    fn find(&self, name: &str) -> Result<Arc<Collection>, StoreError> {
        let found = self.with(|open| open.find(name).map(|found| found.collection.clone()))?;
        found.ok_or_else(|| StoreError::CollectionNotFound(name.to_owned()))
    }

    /// Changes the aliases: on the disk, and then for all calls at once. `change` says whether it changed anything.
    async fn change_aliases(
        &self,
        change: impl FnOnce(&Open, &mut Aliases) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let naming = self.naming.clone().lock_owned().await;
        let (folder, aliases) = self.with(|open| {
            let mut aliases = open.aliases.clone();
            let changed = change(open, &mut aliases)?;
            Ok((open.folder.clone(), changed.then_some(aliases)))
        })??;
        let Some(aliases) = aliases else { return Ok(()) };
        let open = self.open.clone();
        // All of it in one piece, as a creation is: what is on the disk must be what calls find.
        blocking(move || {
            let _naming = naming;
            let written = aliases.write(folder.path());
            // The file may have been replaced before the failure: calls find what the next start would.
            let aliases = written.as_ref().map_or_else(|_| Aliases::read(folder.path()), |()| Ok(aliases))?;
            let mut open = open.write().unwrap_or_else(PoisonError::into_inner);
            open.as_mut().ok_or_else(closed)?.aliases = aliases;
            written
        })
        .await
    }

    async fn not_older(&self, name: &str, points: Vec<(PointId, i64)>) -> Result<HashSet<PointId>, StoreError> {
        self.read(name, move |collection| collection.not_older(&points)).await
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

impl OpenCollection {
    fn new(name: &str, folder: &Arc<StoreDirectory>, merge_every: usize) -> Result<Self, StoreError> {
        let (collection, writer) = Collection::open(name, folder, merge_every)?;
        Ok(Self { collection: Arc::new(collection), writer })
    }

    /// Whether it can be written to.
    fn check(&self, name: &str) -> Result<(), StoreError> {
        if self.writer.is_finished() {
            return Err(StoreError::Failed(format!("the writer of `{name}` died; restart this process")));
        }
        self.collection.check_in_service()
    }
}

impl Open {
    /// A collection by its name, or by an alias.
    fn find(&self, name: &str) -> Option<&OpenCollection> {
        let named = |name: &str| self.collections.get(name);
        named(name).or_else(|| named(self.aliases.get(name)?))
    }

    /// Lets every writer finish, and says what the first of those that couldn't has to say.
    fn close(self) -> Result<(), StoreError> {
        let writers: Vec<_> = self.collections.into_values().map(|open| open.writer).collect();
        let died = || StoreError::Failed("a writer died; the next start repairs its collection".to_owned());
        let ends: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap_or_else(|_| Err(died()))).collect();
        ends.into_iter().collect()
    }
}

#[async_trait]
impl CollectionCatalog for EdgeStore {
    async fn collection(&self, name: &str) -> Result<Option<CollectionInfo>, StoreError> {
        match self.read(name, Collection::info).await {
            Err(StoreError::CollectionNotFound(_)) => Ok(None),
            info => info.map(Some),
        }
    }

    async fn collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        let names: Vec<String> = self.with(|open| open.collections.keys().cloned().collect())?;
        let mut described = Vec::new();
        for name in names {
            described.push(self.read(&name, Collection::info).await?);
        }
        Ok(described)
    }

    async fn create_collection(&self, name: &str, spec: &CollectionSpec) -> Result<(), StoreError> {
        check_collection_name(name).map_err(|fault| StoreError::Refused(fault.message))?;
        check_sharding(&spec.sharding)?;
        let naming = self.naming.clone().lock_owned().await;
        let folder = self.with(|open| {
            let taken = open.collections.contains_key(name) || open.aliases.get(name).is_some();
            (!taken).then(|| open.folder.clone())
        })?;
        let folder = folder.ok_or_else(|| StoreError::AlreadyExists(name.to_owned()))?;
        let (name, spec, merge_every, open) =
            (name.to_owned(), spec.clone(), self.options.merge_every, self.open.clone());
        // All of it in one piece: a caller who goes away must not leave a collection that is there and not open.
        blocking(move || {
            let _naming = naming;
            folder.create_collection(&name, &spec, |path| Engine::create(path, &spec))?;
            let created = OpenCollection::new(&name, &folder, merge_every)?;
            let mut open = open.write().unwrap_or_else(PoisonError::into_inner);
            open.as_mut().ok_or_else(closed)?.collections.insert(name, created);
            Ok(())
        })
        .await
    }

    async fn aliases(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.with(|open| open.aliases.to_map())
    }

    async fn set_alias(&self, alias: &str, collection: &str) -> Result<(), StoreError> {
        check_collection_name(alias).map_err(|fault| StoreError::Refused(fault.message))?;
        let (alias, collection) = (alias.to_owned(), collection.to_owned());
        self.change_aliases(move |open, aliases| {
            if !open.collections.contains_key(&collection) {
                return Err(StoreError::CollectionNotFound(collection));
            }
            if open.collections.contains_key(&alias) {
                return Err(StoreError::AlreadyExists(alias));
            }
            aliases.set(&alias, &collection);
            Ok(true)
        })
        .await
    }

    async fn delete_alias(&self, alias: &str) -> Result<(), StoreError> {
        let alias = alias.to_owned();
        self.change_aliases(move |_, aliases| Ok(aliases.remove(&alias))).await
    }
}

#[async_trait]
impl PointReader for EdgeStore {
    async fn search(&self, name: &str, query: SearchQuery) -> Result<Vec<StoredPoint>, StoreError> {
        self.read(name, |collection| collection.search(query)).await
    }

    async fn retrieve(
        &self,
        name: &str,
        ids: &[PointId],
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        let (vectors, ids) = (vectors.clone(), ids.to_vec());
        self.read(name, move |collection| collection.retrieve(&ids, &vectors)).await
    }

    async fn scroll(&self, name: &str, from: ScrollFrom) -> Result<Page, StoreError> {
        self.read(name, |collection| collection.scroll(from)).await
    }
}

#[async_trait]
impl PointWriter for EdgeStore {
    async fn upsert(&self, name: &str, vector_name: &str, points: &[Point]) -> Result<(), StoreError> {
        self.find(name)?.upsert(vector_name, points).await
    }

    /// Nobody else writes to the store, and this process changes each point once at a time: what is read stays so.
    async fn upsert_newer(
        &self,
        name: &str,
        vector_name: &str,
        points: &[Point],
    ) -> Result<HashSet<PointId>, StoreError> {
        let versions = points.iter().filter_map(|point| Some((point.id, stored_version(&point.payload)?))).collect();
        let kept = self.not_older(name, versions).await?;
        let newer: Vec<Point> = points.iter().filter(|point| !kept.contains(&point.id)).cloned().collect();
        self.upsert(name, vector_name, &newer).await?;
        Ok(kept)
    }

    async fn delete(&self, name: &str, ids: &[PointId]) -> Result<(), StoreError> {
        self.find(name)?.delete(ids).await
    }

    async fn delete_older(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashSet<PointId>, StoreError> {
        let kept = self.not_older(name, points.to_vec()).await?;
        let older: Vec<PointId> = points.iter().map(|(id, _)| *id).filter(|id| !kept.contains(id)).collect();
        self.delete(name, &older).await?;
        Ok(kept)
    }

    async fn digests(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
        let ids = ids.to_vec();
        self.read(name, move |collection| collection.digests(&ids)).await
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
        let Some(open) = self.open.write().unwrap_or_else(PoisonError::into_inner).take() else { return Ok(()) };
        let every_place = u32::try_from(self.options.concurrent_reads.max(1)).unwrap_or(u32::MAX);
        let _places = self.reads.acquire_many(every_place).await;
        self.reads.close();
        blocking(move || open.close()).await
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(StoreError::Failed(format!("a task died: {error}"))))
}

fn closed() -> StoreError {
    StoreError::Unavailable("it has been closed".to_owned())
}
