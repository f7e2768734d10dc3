//! Collections and aliases of the embedded store.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::EdgeStore;
use crate::store::edge::aliases::Aliases;
use crate::store::edge::blocking::run_blocking;
use crate::store::edge::collection::EdgeCollection;
use crate::store::edge::collection_config::check_sharding;
use crate::store::edge::engine::Engine;
use crate::store::edge::error::closed_error;
use crate::store::edge::open_collection::OpenCollection;
use crate::store::edge::open_store::OpenStore;
use crate::store::{CollectionCatalog, CollectionInfo, StoreError};
use crate::types::{CollectionSpec, check_collection_name};

#[async_trait]
impl CollectionCatalog for EdgeStore {
    async fn get_collection(&self, name: &str) -> Result<Option<CollectionInfo>, StoreError> {
        match self.read(name, EdgeCollection::info).await {
            Err(StoreError::CollectionNotFound(_)) => Ok(None),
            info => info.map(Some),
        }
    }

    async fn list_collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        let names: Vec<String> = self.with_open(|open| open.collections.keys().cloned().collect())?;
        let mut infos = Vec::new();
        for name in names {
            infos.push(self.read(&name, EdgeCollection::info).await?);
        }
        Ok(infos)
    }

    async fn create_collection(&self, name: &str, spec: &CollectionSpec) -> Result<(), StoreError> {
        check_collection_name(name).map_err(|error| StoreError::Refused(error.message))?;
        check_sharding(&spec.sharding)?;
        // Held until the collection is registered, so that no concurrent call can take the name.
        let names_guard = self.names_lock.clone().lock_owned().await;
        let directory = self.with_open(|open| {
            let is_taken = open.collections.contains_key(name) || open.aliases.get(name).is_some();
            (!is_taken).then(|| open.directory.clone())
        })?;
        let directory = directory.ok_or_else(|| StoreError::AlreadyExists(name.to_owned()))?;
        let (name, spec, optimize_after_points, store) =
            (name.to_owned(), spec.clone(), self.options.optimize_after_points, self.inner.clone());
        // A single blocking task, so that a cancelled call can't leave a collection that exists but is not open.
        run_blocking(move || {
            let _names_guard = names_guard;
            directory.create_collection(&name, &spec, |path| Engine::create(path, &spec))?;
            let created = OpenCollection::new(&name, &directory, optimize_after_points)?;
            let mut open_store = store.write();
            open_store.as_mut().ok_or_else(closed_error)?.collections.insert(name, created);
            Ok(())
        })
        .await
    }

    async fn list_aliases(&self) -> Result<BTreeMap<String, String>, StoreError> {
        self.with_open(|open| open.aliases.to_map())
    }

    async fn set_alias(&self, alias: &str, collection: &str) -> Result<(), StoreError> {
        check_collection_name(alias).map_err(|error| StoreError::Refused(error.message))?;
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

impl EdgeStore {
    /// Changes the aliases on disk, then atomically for all calls. `change` returns whether it changed anything.
    async fn change_aliases(
        &self,
        change: impl FnOnce(&OpenStore, &mut Aliases) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let names_guard = self.names_lock.clone().lock_owned().await;
        let (directory, aliases) = self.with_open(|open| {
            let mut aliases = open.aliases.clone();
            let has_changed = change(open, &mut aliases)?;
            Ok((open.directory.clone(), has_changed.then_some(aliases)))
        })??;
        let Some(aliases) = aliases else { return Ok(()) };
        let store = self.inner.clone();
        // A single blocking task, so that a cancelled call can't leave the aliases in memory different from those on disk.
        run_blocking(move || {
            let _names_guard = names_guard;
            let result = aliases.write(directory.path());
            // The file may have been replaced before the failure, so reread it: calls then see the same aliases as the next
            // start.
            let aliases = result.as_ref().map_or_else(|_| Aliases::read(directory.path()), |()| Ok(aliases))?;
            let mut open_store = store.write();
            open_store.as_mut().ok_or_else(closed_error)?.aliases = aliases;
            result
        })
        .await
    }
}
