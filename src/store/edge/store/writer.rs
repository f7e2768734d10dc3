//! Writes to the embedded store.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;

use super::EdgeStore;
use crate::store::{PointWriter, StoreError};
use crate::types::{Digest, Point, PointId, read_stored_version};

#[async_trait]
impl PointWriter for EdgeStore {
    async fn upsert(&self, name: &str, vector_name: &str, points: &[Point]) -> Result<(), StoreError> {
        self.find(name)?.upsert(vector_name, points).await
    }

    /// Reads the stored versions, then upserts the newer points. This does not race: no other process writes to the store,
    /// and the caller has no other change of these points in flight.
    async fn upsert_newer(
        &self,
        name: &str,
        vector_name: &str,
        points: &[Point],
    ) -> Result<HashSet<PointId>, StoreError> {
        let versions =
            points.iter().filter_map(|point| Some((point.id, read_stored_version(&point.payload)?))).collect();
        let skipped = self.find_not_older(name, versions).await?;
        let newer: Vec<Point> = points.iter().filter(|point| !skipped.contains(&point.id)).cloned().collect();
        self.upsert(name, vector_name, &newer).await?;
        Ok(skipped)
    }

    async fn delete(&self, name: &str, ids: &[PointId]) -> Result<(), StoreError> {
        self.find(name)?.delete(ids).await
    }

    async fn delete_older(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashSet<PointId>, StoreError> {
        let skipped = self.find_not_older(name, points.to_vec()).await?;
        let older: Vec<PointId> = points.iter().map(|(id, _)| *id).filter(|id| !skipped.contains(id)).collect();
        self.delete(name, &older).await?;
        Ok(skipped)
    }

    async fn fetch_digests(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
        let ids = ids.to_vec();
        self.read(name, move |collection| collection.read_digests(&ids)).await
    }
}

impl EdgeStore {
    async fn find_not_older(&self, name: &str, points: Vec<(PointId, i64)>) -> Result<HashSet<PointId>, StoreError> {
        self.read(name, move |collection| collection.find_not_older(&points)).await
    }
}
