//! Changes of the points on a Qdrant server.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{
    DeletePoints, GetPoints, PointsIdsList, PointsSelector, ReadConsistencyType, UpsertPoints, read_consistency,
};

use super::QdrantStore;
use crate::store::qdrant::answer::ensure_applied;
use crate::store::qdrant::{convert, filter, versions};
use crate::store::{PointWriter, StoreError, VectorStore};
use crate::types::{DIGEST_FIELD, Digest, Point, PointId, VERSION_FIELD, stored_version};

#[async_trait]
impl PointWriter for QdrantStore {
    async fn upsert(&self, name: &str, vector_name: &str, points: &[Point]) -> Result<(), StoreError> {
        if points.is_empty() {
            return Ok(());
        }
        let request = UpsertPoints {
            collection_name: name.to_owned(),
            wait: Some(true),
            points: points.iter().map(|point| convert::point(point, vector_name)).collect(),
            shard_key_selector: self.shards(),
            ..UpsertPoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.upsert(request)).await?;
        ensure_applied(response.result)
    }

    /// The condition goes with the upsert, so that it holds against other writers of the collection. What they wrote is read
    /// before and after.
    async fn upsert_newer(
        &self,
        name: &str,
        vector_name: &str,
        points: &[Point],
    ) -> Result<HashSet<PointId>, StoreError> {
        versions::check_server(&self.connection).await?;
        let given = versions::of(points);
        let stored = self.versions(name, &given).await?;
        let mut kept = versions::compare(&given, &stored, |stored, given| stored >= given);
        let newer: Vec<_> = points.iter().filter(|point| !kept.contains(&point.id)).collect();
        if newer.is_empty() {
            return Ok(kept);
        }
        let written: Vec<_> = given.into_iter().filter(|(id, _)| !kept.contains(id)).collect();
        let request = UpsertPoints {
            collection_name: name.to_owned(),
            wait: Some(true),
            points: newer.into_iter().map(|point| convert::point(point, vector_name)).collect(),
            shard_key_selector: self.shards(),
            update_filter: Some(filter::filter(versions::older(&written))),
            ..UpsertPoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.upsert(request)).await?;
        ensure_applied(response.result)?;
        let stored = self.versions(name, &written).await?;
        kept.extend(versions::compare(&written, &stored, |stored, written| stored > written));
        Ok(kept)
    }

    async fn delete(&self, name: &str, ids: &[PointId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.iter().map(convert::point_id).collect();
        self.delete_selected(name, PointsSelectorOneOf::Points(PointsIdsList { ids })).await
    }

    async fn delete_older(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashSet<PointId>, StoreError> {
        if points.is_empty() {
            return Ok(HashSet::new());
        }
        let older = filter::filter(versions::older(points));
        self.delete_selected(name, PointsSelectorOneOf::Filter(older)).await?;
        let stored = self.versions(name, points).await?;
        Ok(versions::compare(points, &stored, |stored, given| stored >= given))
    }

    /// Asks all replicas: one that lags behind would answer with the digest of a point that was deleted or replaced
    /// since, and the document would be UNCHANGED though it is not stored. With `All`, Qdrant returns only points that
    /// all replicas have alike; a point that is left out is written again, which is always correct. With one replica it
    /// costs nothing.
    ///
    /// Qdrant counts all replicas, not the active ones: while one is away, or is still being filled, it answers
    /// INTERNAL. Writes go on then, so documents are not held up for it: nothing is known of them, and they are encoded
    /// again.
    async fn digests(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let request = GetPoints {
            collection_name: name.to_owned(),
            ids: ids.iter().map(convert::point_id).collect(),
            with_payload: Some(convert::payload_fields(&[DIGEST_FIELD, VERSION_FIELD])),
            read_consistency: Some(read_consistency::Value::Type(ReadConsistencyType::All.into()).into()),
            shard_key_selector: self.shards(),
            ..GetPoints::default()
        };
        let mut client = self.connection.points()?;
        let response = match self.connection.call(name, client.get(request)).await {
            Err(StoreError::Internal(error)) => {
                if !self.lacks_replicas.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        collection = name,
                        error,
                        "replicas can't confirm digests; skip_unchanged skips nothing"
                    );
                }
                return Ok(HashMap::new());
            }
            answer => answer?,
        };
        self.lacks_replicas.store(false, Ordering::Relaxed);
        let digests = response.result.into_iter().map(convert::digest).collect::<Result<Vec<_>, _>>()?;
        Ok(digests.into_iter().filter_map(|(id, digest)| Some((id, digest?))).collect())
    }

    /// A server that answers new calls reads what earlier connections left in its buffers soon after; a server that is
    /// frozen or away does not, so it is asked first. See [`QdrantConfig::settle_time`] for the bound.
    async fn settled(&self) -> Result<(), StoreError> {
        self.ready().await?;
        tokio::time::sleep(self.connection.config().settle_time).await;
        Ok(())
    }
}

impl QdrantStore {
    /// Deletes the points that a selector names, and returns when that is applied.
    async fn delete_selected(&self, name: &str, selected: PointsSelectorOneOf) -> Result<(), StoreError> {
        let request = DeletePoints {
            collection_name: name.to_owned(),
            wait: Some(true),
            points: Some(PointsSelector { points_selector_one_of: Some(selected) }),
            shard_key_selector: self.shards(),
            ..DeletePoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.delete(request)).await?;
        ensure_applied(response.result)
    }

    /// Returns the versions of those of these points that have one.
    async fn versions(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashMap<PointId, i64>, StoreError> {
        let request = GetPoints {
            collection_name: name.to_owned(),
            ids: points.iter().map(|(id, _)| convert::point_id(id)).collect(),
            with_payload: Some(convert::payload_fields(&[VERSION_FIELD])),
            shard_key_selector: self.shards(),
            ..GetPoints::default()
        };
        if points.is_empty() {
            return Ok(HashMap::new());
        }
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.get(request)).await?;
        let found = response.result.into_iter().map(convert::payload_of).collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().filter_map(|(id, payload)| Some((id, stored_version(&payload)?))).collect())
    }
}
