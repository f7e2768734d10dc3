//! Search and reads of points.

use std::fmt;

use async_trait::async_trait;

use super::{PointPage, ScrollQuery, SearchQuery, StoreError, WithVectors};
use crate::types::{PointId, StoredPoint};

/// Searches and reads the points of collections.
#[async_trait]
pub trait PointReader: fmt::Debug + Send + Sync + 'static {
    /// Returns the points with the highest dot product with the query vector, best first.
    async fn search(&self, name: &str, query: SearchQuery) -> Result<Vec<StoredPoint>, StoreError>;

    /// Returns points by id, with payload; missing points are omitted.
    async fn retrieve(
        &self,
        name: &str,
        ids: &[PointId],
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError>;

    /// Returns a page of points in id order, with payload.
    async fn scroll(&self, name: &str, query: ScrollQuery) -> Result<PointPage, StoreError>;
}
