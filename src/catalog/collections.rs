//! Collections, and whether this encoder's vectors belong in them.
//!
//! A collection may be named by an alias, which somebody may have stand for another one at any time: in this process, which
//! then forgets at once what it knew of the alias, or in another one that shares the store. So an alias is resolved once a
//! request, together with the collection's encoder, and from there on the collection goes by its own name. A query that
//! was encoded for one collection is never held against another, and a stream's documents all go into one.
//!
//! Searches take what was true within the last 5 seconds: after a switch by another process they may go on for so long in
//! the old collection, with its model, and find what they would have found just before. Writes ask the store each time, so
//! that nothing is written to the old collection that began after the switch.
//!
//! See docs/adr/0038-aliases.md.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;
use uuid::Uuid;

use super::model_selector::ModelSelector;
use crate::model::Model;
use crate::store::{CollectionCatalog, CollectionInfo, StoreError};
use crate::types::{ApiError, CollectionSpec};

/// How long a collection is taken to be as it was. A search would else ask the store twice.
const CACHE_TTL: Duration = Duration::from_secs(5);
/// How many collections are remembered.
const MAX_CACHED_COLLECTIONS: usize = 1_000;

/// A collection to search in.
#[derive(Debug, Clone)]
pub struct ResolvedCollection {
    /// Its own name, whatever it was asked for by.
    pub name: String,
    pub spec: CollectionSpec,
    pub model: Arc<Model>,
}

/// What is known of the store's collections.
#[derive(Debug)]
pub struct Collections {
    store: Arc<dyn CollectionCatalog>,
    cache: Mutex<CollectionCache>,
}

/// What was read lately.
#[derive(Debug, Default)]
struct CollectionCache {
    /// By the name that was asked for, which may be an alias.
    entries: HashMap<String, (CachedCollection, Instant)>,
    /// How often something was forgotten: what was asked for before that is not worth remembering.
    invalidations: u64,
}

/// A collection's own name, and how it is made.
#[derive(Debug, Clone)]
struct CachedCollection {
    name: String,
    spec: CollectionSpec,
}

impl Collections {
    pub fn new(store: Arc<dyn CollectionCatalog>) -> Self {
        Self { store, cache: Mutex::default() }
    }

    /// A collection to read from, as it was within the last seconds, and the model for it.
    ///
    /// # Errors
    /// If there is none of that name, another encoder wrote it, or the store fails.
    pub async fn open(&self, name: &str, selector: ModelSelector<'_>) -> Result<ResolvedCollection, ApiError> {
        let CachedCollection { name, spec } = match self.get_cached(name) {
            Some(collection) => collection,
            None => {
                let info = self.fetch(name).await?;
                CachedCollection { name: info.name, spec: info.spec }
            }
        };
        let model = selector.select(Some(&spec))?;
        selector.check_fingerprint(&model, &name, &spec)?;
        Ok(ResolvedCollection { name, spec, model })
    }

    /// Creates a collection. If another call was quicker, that one's options count.
    ///
    /// # Errors
    /// If the store fails, or refuses.
    pub async fn create(&self, name: &str, spec: CollectionSpec) -> Result<CollectionInfo, ApiError> {
        match self.create_new(name, spec.clone()).await {
            Ok(()) | Err(StoreError::AlreadyExists(_)) => {}
            Err(error @ StoreError::InvalidOption { .. }) => {
                return Err(ApiError::from(error).with_field_prefix("collection_options"));
            }
            Err(error) => return Err(error.into()),
        }
        self.invalidate(name);
        let info = self.fetch(name).await?;
        self.complete(&info, &spec).await?;
        Ok(info)
    }

    /// Creates a collection that must not exist.
    ///
    /// # Errors
    /// If it does; if the store fails, or refuses.
    pub async fn create_new(&self, name: &str, spec: CollectionSpec) -> Result<(), StoreError> {
        let spec = CollectionSpec { incarnation: Uuid::new_v4().to_string(), ..spec };
        self.store.create_collection(name, &spec).await
    }

    /// Completes an existing collection for a client that would have created it as `spec` says.
    ///
    /// # Errors
    /// If the store fails, or refuses.
    pub async fn complete(&self, info: &CollectionInfo, spec: &CollectionSpec) -> Result<(), ApiError> {
        Ok(self.store.complete_collection(info, spec).await?)
    }

    /// All collections of the store, ordered by name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list(&self) -> Result<Vec<CollectionInfo>, ApiError> {
        Ok(self.store.list_collections().await?)
    }

    /// A collection as it stands.
    ///
    /// # Errors
    /// If there is none of that name, or the store fails.
    pub async fn fetch(&self, name: &str) -> Result<CollectionInfo, ApiError> {
        let info = self.fetch_optional(name).await?;
        info.ok_or_else(|| StoreError::CollectionNotFound(name.to_owned()).into())
    }

    /// The same; `None` if there is none of that name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn fetch_optional(&self, name: &str) -> Result<Option<CollectionInfo>, ApiError> {
        let invalidations_before = self.lock_cache().invalidations;
        let info = self.store.get_collection(name).await?;
        let Some(info) = info else {
            self.invalidate(name);
            return Ok(None);
        };
        let mut cache = self.lock_cache();
        if cache.entries.len() >= MAX_CACHED_COLLECTIONS {
            cache.entries.clear();
        }
        if cache.invalidations == invalidations_before {
            let collection = CachedCollection { name: info.name.clone(), spec: info.spec.clone() };
            cache.entries.insert(name.to_owned(), (collection, Instant::now()));
        }
        Ok(Some(info))
    }

    /// Returns the name of the collection that `name`, a collection's or an alias, stands for, whether there is one or not.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn resolve(&self, name: &str) -> Result<String, ApiError> {
        let aliases = self.store.list_aliases().await?;
        Ok(aliases.get(name).map_or(name, String::as_str).to_owned())
    }

    /// Takes note that a collection, or what an alias stands for, may not be as it was.
    pub fn invalidate(&self, name: &str) {
        let mut cache = self.lock_cache();
        cache.entries.remove(name);
        cache.invalidations += 1;
    }

    fn get_cached(&self, name: &str) -> Option<CachedCollection> {
        let cache = self.lock_cache();
        let entry = cache.entries.get(name).filter(|(_, cached_at)| cached_at.elapsed() < CACHE_TTL);
        entry.map(|(collection, _)| collection.clone())
    }

    fn lock_cache(&self) -> MutexGuard<'_, CollectionCache> {
        self.cache.lock()
    }
}
