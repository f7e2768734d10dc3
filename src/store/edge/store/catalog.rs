//! The collections and aliases of the embedded store.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::EdgeStore;
use crate::store::edge::aliases::Aliases;
use crate::store::edge::blocking::blocking;
use crate::store::edge::collection::Collection;
use crate::store::edge::collection_config::check_sharding;
use crate::store::edge::engine::Engine;
use crate::store::edge::error::closed;
use crate::store::edge::open_collection::OpenCollection;
use crate::store::edge::open_store::OpenStore;
use crate::store::{CollectionCatalog, CollectionInfo, StoreError};
use crate::types::{CollectionSpec, check_collection_name};

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
            let mut open = open.write();
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

impl EdgeStore {
    /// Changes the aliases: on the disk, and then for all calls at once. `change` says whether it changed anything.
    async fn change_aliases(
        &self,
        change: impl FnOnce(&OpenStore, &mut Aliases) -> Result<bool, StoreError>,
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
            let mut open = open.write();
            open.as_mut().ok_or_else(closed)?.aliases = aliases;
            written
        })
        .await
    }
}
