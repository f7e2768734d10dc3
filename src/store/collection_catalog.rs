//! Management of collections and aliases.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;

use super::{CollectionInfo, StoreError};
use crate::types::CollectionSpec;

/// Lists, creates and describes collections, and manages their aliases.
#[async_trait]
pub trait CollectionCatalog: fmt::Debug + Send + Sync + 'static {
    /// Returns the description of a collection, or `None` if it does not exist.
    async fn get_collection(&self, name: &str) -> Result<Option<CollectionInfo>, StoreError>;

    /// Returns the descriptions of all collections, ordered by name.
    async fn list_collections(&self) -> Result<Vec<CollectionInfo>, StoreError>;

    /// Creates a collection.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] if a collection or an alias of that name exists.
    async fn create_collection(&self, name: &str, spec: &CollectionSpec) -> Result<(), StoreError>;

    /// Completes an existing collection before an ingest with `create_collection` writes to it: the process that created
    /// it may have crashed halfway or may still be creating it. Idempotent and safe to run concurrently. `requested` is the
    /// spec of the client's request; it does not change existing properties of the collection.
    async fn complete_collection(&self, info: &CollectionInfo, requested: &CollectionSpec) -> Result<(), StoreError> {
        let _complete_when_created = (info, requested);
        Ok(())
    }

    /// Returns the target collection of each alias, by alias.
    async fn list_aliases(&self) -> Result<BTreeMap<String, String>, StoreError>;

    /// Creates an alias, or points it to another collection atomically. `collection` is the collection's own name, not an
    /// alias.
    ///
    /// # Errors
    /// [`StoreError::AlreadyExists`] if a collection is named `alias`; [`StoreError::CollectionNotFound`] if `collection`
    /// does not exist.
    async fn set_alias(&self, alias: &str, collection: &str) -> Result<(), StoreError>;

    /// Deletes an alias; an unknown one is ignored.
    async fn delete_alias(&self, alias: &str) -> Result<(), StoreError>;
}
