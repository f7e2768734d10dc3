//! The collections of a store, and their aliases.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;

use super::{CollectionInfo, StoreError};
use crate::types::CollectionSpec;

/// Lists, creates and describes collections, and manages their aliases.
#[async_trait]
pub trait CollectionCatalog: fmt::Debug + Send + Sync + 'static {
    /// Describes a collection; `None` if there is none of that name.
    async fn get_collection(&self, name: &str) -> Result<Option<CollectionInfo>, StoreError>;

    /// Describes every collection, ordered by name.
    async fn list_collections(&self) -> Result<Vec<CollectionInfo>, StoreError>;

    /// Creates a collection. [`StoreError::AlreadyExists`] if there is one, whoever made it, or an alias of that name.
    async fn create_collection(&self, name: &str, spec: &CollectionSpec) -> Result<(), StoreError>;

    /// Completes a collection that exists and may be written to with `create_collection`: whoever created it may have
    /// died before it was complete, or may still be at it, so that doing the same at the same time is harmless.
    /// `requested` is what the client would have created; it changes nothing that the collection already has.
    async fn complete_collection(&self, info: &CollectionInfo, requested: &CollectionSpec) -> Result<(), StoreError> {
        let _complete_when_created = (info, requested);
        Ok(())
    }

    /// Returns the collection that each alias stands for, by alias.
    async fn list_aliases(&self) -> Result<BTreeMap<String, String>, StoreError>;

    /// Makes an alias, or has it stand for another collection, which is given by its own name: in one step, so that every
    /// call finds the one or the other. [`StoreError::AlreadyExists`] if a collection has that name.
    async fn set_alias(&self, alias: &str, collection: &str) -> Result<(), StoreError>;

    /// Deletes an alias; an unknown one is ignored.
    async fn delete_alias(&self, alias: &str) -> Result<(), StoreError>;
}
