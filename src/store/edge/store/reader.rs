//! Reads from the embedded store.

use async_trait::async_trait;

use super::EdgeStore;
use crate::store::{PointPage, PointReader, ScrollQuery, SearchQuery, StoreError, WithVectors};
use crate::types::{PointId, StoredPoint};

#[async_trait]
impl PointReader for EdgeStore {
    async fn search(&self, name: &str, query: SearchQuery) -> Result<Vec<StoredPoint>, StoreError> {
        self.read(name, |collection| collection.search(query)).await
    }

    async fn retrieve(
        &self,
        name: &str,
        ids: &[PointId],
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        let (vectors, ids) = (vectors.clone(), ids.to_vec());
        self.read(name, move |collection| collection.retrieve(&ids, &vectors)).await
    }

    async fn scroll(&self, name: &str, query: ScrollQuery) -> Result<PointPage, StoreError> {
        self.read(name, |collection| collection.scroll(query)).await
    }
}
