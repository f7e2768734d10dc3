//! The combined store trait.

use async_trait::async_trait;

use super::{CollectionCatalog, PointReader, PointWriter, StoreError};

/// A store of points in named collections. Methods can be called concurrently. A method that takes the name of a collection
/// also accepts an alias, unless its documentation excludes it.
///
/// Point ids are unique in a collection: an upsert replaces the point of the same id. A write that returned `Ok` survives
/// a crash of this process.
///
/// Callers should depend on the narrowest supertrait that they need.
#[async_trait]
pub trait VectorStore: CollectionCatalog + PointReader + PointWriter {
    /// Checks that the store is reachable and accepts requests.
    async fn check_ready(&self) -> Result<(), StoreError>;

    /// Flushes buffered data and releases all resources. Later calls fail.
    async fn close(&self) -> Result<(), StoreError>;
}
