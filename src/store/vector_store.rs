//! A whole store.

use async_trait::async_trait;

use super::{CollectionCatalog, PointReader, PointWriter, StoreError};

/// A store of points in named collections. Every method can be called from many tasks at once. Where one takes the name
/// of a collection, it takes an alias too, unless it says otherwise.
///
/// Point ids are unique in a collection: an upsert replaces. What a method confirmed survives the death of this
/// process.
///
/// Code that uses a store takes the narrowest of the supertraits that it needs.
#[async_trait]
pub trait VectorStore: CollectionCatalog + PointReader + PointWriter {
    /// Whether the store answers.
    async fn check_ready(&self) -> Result<(), StoreError>;

    /// Writes out what is buffered and releases every resource. The store refuses later calls.
    async fn close(&self) -> Result<(), StoreError>;
}
