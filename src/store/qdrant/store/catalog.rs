//! Collections and aliases of a Qdrant server.

use std::collections::BTreeMap;

use async_trait::async_trait;
use qdrant_client::qdrant::{
    CollectionClusterInfoRequest, CollectionInfo as RemoteInfo, GetCollectionInfoRequest, ListCollectionsRequest,
};

use super::QdrantStore;
use crate::store::qdrant::response::ensure_confirmed;
use crate::store::qdrant::{aliases, collection, sharding};
use crate::store::{CollectionCatalog, CollectionInfo, StoreError};
use crate::types::CollectionSpec;

#[async_trait]
impl CollectionCatalog for QdrantStore {
    /// Returns the description of a collection. Resolves aliases first: Qdrant accepts an alias too, but its response doesn't
    /// contain the collection's name.
    async fn get_collection(&self, name: &str) -> Result<Option<CollectionInfo>, StoreError> {
        let aliases = self.list_aliases().await?;
        let name = aliases.get(name).map_or(name, String::as_str);
        let request = GetCollectionInfoRequest { collection_name: name.to_owned() };
        let mut collections = self.connection.collections_client()?;
        match self.connection.call(name, collections.get(request)).await {
            Ok(response) => self.describe_collection(name, response.result).await.map(Some),
            Err(StoreError::CollectionNotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn list_collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        let mut collections = self.connection.collections_client()?;
        let response = self.connection.call("", collections.list(ListCollectionsRequest {})).await?;
        let mut names: Vec<_> = response.collections.into_iter().map(|collection| collection.name).collect();
        names.sort_unstable();
        let mut infos = Vec::new();
        for name in names {
            let request = GetCollectionInfoRequest { collection_name: name.clone() };
            let result = match self.connection.call(&name, collections.get(request)).await {
                Ok(response) => self.describe_collection(&name, response.result).await,
                Err(error) => Err(error),
            };
            match result {
                Ok(info) => infos.push(info),
                // The collection was deleted concurrently, or has no sparse vector.
                Err(StoreError::CollectionNotFound(_) | StoreError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(infos)
    }

    async fn create_collection(&self, name: &str, spec: &CollectionSpec) -> Result<(), StoreError> {
        let keys = &spec.sharding.shard_keys;
        if let Err(error) = sharding::check_shard_keys(keys, self.connection.config().shard_key.as_deref()) {
            // `AlreadyExists` takes precedence over an invalid option.
            return match self.get_collection(name).await? {
                Some(_) => Err(StoreError::AlreadyExists(name.to_owned())),
                None => Err(error),
            };
        }
        let mut collections = self.connection.collections_client()?;
        let response =
            self.connection.call(name, collections.create(collection::build_create_request(name, spec))).await?;
        ensure_confirmed(response.result, "the creation of the collection")?;
        for key in keys {
            self.create_shard_key(name, key).await?;
        }
        Ok(())
    }

    /// Creates the missing shard keys of a collection. They are created after the collection, so a crash in between leaves a
    /// collection that can't be written to.
    async fn complete_collection(&self, info: &CollectionInfo, requested: &CollectionSpec) -> Result<(), StoreError> {
        let Some(request_key) = self.connection.config().shard_key.as_deref() else { return Ok(()) };
        let (existing, requested) = (&info.spec.sharding.shard_keys, &requested.sharding.shard_keys);
        let missing = sharding::find_missing_keys(existing, requested, request_key);
        if missing.is_empty() {
            return Ok(());
        }
        if existing.is_empty() && !self.is_sharded_by_key(&info.name).await? {
            return Err(sharding::not_sharded_error(&info.name, request_key));
        }
        for key in missing {
            self.create_shard_key(&info.name, key).await?;
        }
        Ok(())
    }

    async fn list_aliases(&self) -> Result<BTreeMap<String, String>, StoreError> {
        aliases::list(&self.connection).await
    }

    async fn set_alias(&self, alias: &str, collection: &str) -> Result<(), StoreError> {
        aliases::set(&self.connection, alias, collection).await
    }

    async fn delete_alias(&self, alias: &str) -> Result<(), StoreError> {
        aliases::delete(&self.connection, alias).await
    }
}

impl QdrantStore {
    /// Parses a collection's description, and adds its shard keys, which require a separate request.
    async fn describe_collection(&self, name: &str, info: Option<RemoteInfo>) -> Result<CollectionInfo, StoreError> {
        let has_shard_keys = sharding::has_shard_keys(info.as_ref());
        let mut info = collection::parse_collection_info(name, info)?;
        if has_shard_keys {
            let request = CollectionClusterInfoRequest { collection_name: name.to_owned() };
            let mut collections = self.connection.collections_client()?;
            let cluster = self.connection.call(name, collections.collection_cluster_info(request)).await?;
            info.spec.sharding.shard_keys = sharding::collect_shard_keys(cluster);
        }
        Ok(info)
    }

    async fn is_sharded_by_key(&self, name: &str) -> Result<bool, StoreError> {
        let request = GetCollectionInfoRequest { collection_name: name.to_owned() };
        let mut collections = self.connection.collections_client()?;
        let response = self.connection.call(name, collections.get(request)).await?;
        Ok(sharding::has_shard_keys(response.result.as_ref()))
    }

    /// Creates a shard key, unless it exists: another process may create it at the same time.
    async fn create_shard_key(&self, name: &str, key: &str) -> Result<(), StoreError> {
        let mut collections = self.connection.collections_client()?;
        let call = collections.create_shard_key(sharding::build_shard_key_request(name, key));
        let result = match self.connection.call(name, call).await {
            Ok(response) => ensure_confirmed(response.result, "the creation of the shard key"),
            Err(StoreError::AlreadyExists(_)) => Ok(()),
            Err(error) => Err(error),
        };
        result.map_err(|error| sharding::shard_key_creation_error(name, key, error))
    }
}
