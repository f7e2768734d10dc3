//! Cached view of the store's collections, addressed by name or alias.
//!
//! An alias can be switched to another collection at any time: in this process, which invalidates its cache entry, or
//! in another process that shares the store. Each request therefore resolves an alias once, together with the
//! collection's model, and uses the collection's own name from then on. A query that was encoded for one collection is
//! never searched in another, and all documents of a stream are written to one collection.
//!
//! Searches use cache entries of up to 5 seconds: after a switch by another process they may keep reading the old
//! collection with its model for that long, which gives the results from before the switch. Writes query the store each
//! time, so that a stream that starts after the switch never writes to the old collection.
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

/// Lifetime of a cache entry. Without the cache, each search would need two requests to the store.
const CACHE_TTL: Duration = Duration::from_secs(5);
/// Maximum number of cache entries. The whole cache is cleared at this size: refilling it costs one request per name.
const MAX_CACHED_COLLECTIONS: usize = 1_000;

/// Collection that a request reads from, with the model that encodes its queries.
#[derive(Debug, Clone)]
pub struct ResolvedCollection {
    /// Collection name, with aliases resolved.
    pub name: String,
    pub spec: CollectionSpec,
    pub model: Arc<Model>,
}

/// Collections of a store, with a cache of names and specs.
#[derive(Debug)]
pub struct Collections {
    store: Arc<dyn CollectionCatalog>,
    cache: Mutex<CollectionCache>,
}

/// Recently fetched collections.
#[derive(Debug, Default)]
struct CollectionCache {
    /// Keyed by the requested name, which may be an alias.
    entries: HashMap<String, (CachedCollection, Instant)>,
    /// Number of invalidations. A fetch that started before the latest one does not fill the cache.
    invalidations: u64,
}

/// Resolved name and spec of a cached collection.
#[derive(Debug, Clone)]
struct CachedCollection {
    name: String,
    spec: CollectionSpec,
}

impl Collections {
    /// Creates an empty cache over `store`.
    pub fn new(store: Arc<dyn CollectionCatalog>) -> Self {
        Self { store, cache: Mutex::default() }
    }

    /// Returns a collection for reading, as of at most `CACHE_TTL` ago, and the model that encodes its queries.
    ///
    /// # Errors
    /// `CollectionNotFound` or `UnknownModel` if there is no collection or model of that name; `FingerprintMismatch` if
    /// another model wrote the collection; or the store's error.
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

    /// Creates a collection, or completes the existing one (see [`Self::complete`]). If a concurrent call created it
    /// first, the options of that call apply.
    ///
    /// # Errors
    /// If an option is invalid (field `collection_options`), or the store fails.
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

    /// Creates a collection with a new incarnation.
    ///
    /// # Errors
    /// `StoreError::AlreadyExists` if the collection exists; or another error of the store.
    pub async fn create_new(&self, name: &str, spec: CollectionSpec) -> Result<(), StoreError> {
        let spec = CollectionSpec { incarnation: Uuid::new_v4().to_string(), ..spec };
        self.store.create_collection(name, &spec).await
    }

    /// Adds to an existing collection what is missing from `spec`, such as an index of a payload field.
    ///
    /// # Errors
    /// If the store fails or refuses the change.
    pub async fn complete(&self, info: &CollectionInfo, spec: &CollectionSpec) -> Result<(), ApiError> {
        Ok(self.store.complete_collection(info, spec).await?)
    }

    /// Lists all collections of the store, ordered by name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn list(&self) -> Result<Vec<CollectionInfo>, ApiError> {
        Ok(self.store.list_collections().await?)
    }

    /// Fetches a collection from the store and caches it.
    ///
    /// # Errors
    /// `CollectionNotFound` if it does not exist; or the store's error.
    pub async fn fetch(&self, name: &str) -> Result<CollectionInfo, ApiError> {
        let info = self.fetch_optional(name).await?;
        info.ok_or_else(|| StoreError::CollectionNotFound(name.to_owned()).into())
    }

    /// Fetches a collection from the store and caches it; `None` if it does not exist.
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
        // An invalidation during the fetch means that the response may already be stale.
        if cache.invalidations == invalidations_before {
            let collection = CachedCollection { name: info.name.clone(), spec: info.spec.clone() };
            cache.entries.insert(name.to_owned(), (collection, Instant::now()));
        }
        Ok(Some(info))
    }

    /// Resolves an alias to the name of its collection. Returns any other name unchanged, without checking that a
    /// collection has that name.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn resolve(&self, name: &str) -> Result<String, ApiError> {
        let aliases = self.store.list_aliases().await?;
        Ok(aliases.get(name).map_or(name, String::as_str).to_owned())
    }

    /// Removes a name from the cache after its collection changed or an alias was switched.
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
