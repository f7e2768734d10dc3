//! Writes to a Qdrant server.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{
    DeletePoints, GetPoints, PointsIdsList, PointsSelector, ReadConsistencyType, UpsertPoints, read_consistency,
};

use super::QdrantStore;
use crate::store::qdrant::response::ensure_completed;
use crate::store::qdrant::{convert, filter, versions};
use crate::store::{PointWriter, StoreError, VectorStore};
use crate::types::{DIGEST_FIELD, Digest, Point, PointId, VERSION_FIELD, read_stored_version};

#[async_trait]
impl PointWriter for QdrantStore {
    async fn upsert(&self, name: &str, vector_name: &str, points: &[Point]) -> Result<(), StoreError> {
        if points.is_empty() {
            return Ok(());
        }
        let request = UpsertPoints {
            collection_name: name.to_owned(),
            wait: Some(true),
            points: points.iter().map(|point| convert::to_point_struct(point, vector_name)).collect(),
            shard_key_selector: self.shard_key_selector(),
            ..UpsertPoints::default()
        };
        let mut client = self.connection.points_client()?;
        let response = self.connection.call(name, client.upsert(request)).await?;
        ensure_completed(response.result)
    }

    /// Upserts newer points. The server checks the condition during the upsert, so that concurrent writers of the collection
    /// can't interfere. The response doesn't list skipped points, so the versions are read before and after.
    async fn upsert_newer(
        &self,
        name: &str,
        vector_name: &str,
        points: &[Point],
    ) -> Result<HashSet<PointId>, StoreError> {
        versions::check_conditional_upserts(&self.connection).await?;
        let given = versions::read_versions(points);
        let stored = self.fetch_versions(name, &given).await?;
        let mut skipped = versions::select_by_version(&given, &stored, |stored, given| stored >= given);
        let newer: Vec<_> = points.iter().filter(|point| !skipped.contains(&point.id)).collect();
        if newer.is_empty() {
            return Ok(skipped);
        }
        let written: Vec<_> = given.into_iter().filter(|(id, _)| !skipped.contains(id)).collect();
        let request = UpsertPoints {
            collection_name: name.to_owned(),
            wait: Some(true),
            points: newer.into_iter().map(|point| convert::to_point_struct(point, vector_name)).collect(),
            shard_key_selector: self.shard_key_selector(),
            update_filter: Some(filter::to_qdrant_filter(versions::build_older_filter(&written))),
            ..UpsertPoints::default()
        };
        let mut client = self.connection.points_client()?;
        let response = self.connection.call(name, client.upsert(request)).await?;
        ensure_completed(response.result)?;
        let stored = self.fetch_versions(name, &written).await?;
        // An equal version is the one just written; a newer one was written concurrently.
        skipped.extend(versions::select_by_version(&written, &stored, |stored, written| stored > written));
        Ok(skipped)
    }

    async fn delete(&self, name: &str, ids: &[PointId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.iter().map(convert::to_proto_id).collect();
        self.delete_selected(name, PointsSelectorOneOf::Points(PointsIdsList { ids })).await
    }

    async fn delete_older(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashSet<PointId>, StoreError> {
        if points.is_empty() {
            return Ok(HashSet::new());
        }
        let older = filter::to_qdrant_filter(versions::build_older_filter(points));
        self.delete_selected(name, PointsSelectorOneOf::Filter(older)).await?;
        let stored = self.fetch_versions(name, points).await?;
        Ok(versions::select_by_version(points, &stored, |stored, given| stored >= given))
    }

    /// Reads digests with consistency `All`. A replica that lags behind could return the digest of a point that has since
    /// been deleted or replaced, and the document would be UNCHANGED although it is not stored. With `All`, Qdrant returns
    /// only points on which all replicas agree; an omitted point is written again, which is always correct. With one
    /// replica it has no cost.
    ///
    /// Qdrant counts all replicas, not only active ones: while one is down or being filled, it returns INTERNAL. Writes
    /// still work then, so this returns no digests instead of an error, and the documents are encoded again.
    ///
    /// See docs/adr/0036-qdrant-digests-from-all-replicas.md.
    async fn fetch_digests(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let request = GetPoints {
            collection_name: name.to_owned(),
            ids: ids.iter().map(convert::to_proto_id).collect(),
            with_payload: Some(convert::select_payload_fields(&[DIGEST_FIELD, VERSION_FIELD])),
            read_consistency: Some(read_consistency::Value::Type(ReadConsistencyType::All.into()).into()),
            shard_key_selector: self.shard_key_selector(),
            ..GetPoints::default()
        };
        let mut client = self.connection.points_client()?;
        let response = match self.connection.call(name, client.get(request)).await {
            Err(StoreError::Internal(error)) => {
                // Log only the first failure of an outage.
                if !self.is_missing_replicas.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        collection = name,
                        error,
                        "reading digests from all replicas failed; skip_unchanged has no effect"
                    );
                }
                return Ok(HashMap::new());
            }
            response => response?,
        };
        self.is_missing_replicas.store(false, Ordering::Relaxed);
        let digests = response.result.into_iter().map(convert::read_digest).collect::<Result<Vec<_>, _>>()?;
        Ok(digests.into_iter().filter_map(|(id, digest)| Some((id, digest?))).collect())
    }

    /// Waits for [`QdrantConfig::settle_time`](super::super::config::QdrantConfig::settle_time) after a successful readiness
    /// check. A server that answers new calls soon processes the requests that earlier connections left in its buffers; a
    /// frozen or unreachable server does not, so the time must not start before.
    async fn wait_until_settled(&self) -> Result<(), StoreError> {
        self.check_ready().await?;
        tokio::time::sleep(self.connection.config().settle_time).await;
        Ok(())
    }
}

impl QdrantStore {
    /// Deletes the selected points, and returns when the deletion is applied.
    async fn delete_selected(&self, name: &str, selector: PointsSelectorOneOf) -> Result<(), StoreError> {
        let request = DeletePoints {
            collection_name: name.to_owned(),
            wait: Some(true),
            points: Some(PointsSelector { points_selector_one_of: Some(selector) }),
            shard_key_selector: self.shard_key_selector(),
            ..DeletePoints::default()
        };
        let mut client = self.connection.points_client()?;
        let response = self.connection.call(name, client.delete(request)).await?;
        ensure_completed(response.result)
    }

    /// Returns the stored versions of points; points without a version are omitted.
    async fn fetch_versions(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashMap<PointId, i64>, StoreError> {
        let request = GetPoints {
            collection_name: name.to_owned(),
            ids: points.iter().map(|(id, _)| convert::to_proto_id(id)).collect(),
            with_payload: Some(convert::select_payload_fields(&[VERSION_FIELD])),
            shard_key_selector: self.shard_key_selector(),
            ..GetPoints::default()
        };
        if points.is_empty() {
            return Ok(HashMap::new());
        }
        let mut client = self.connection.points_client()?;
        let response = self.connection.call(name, client.get(request)).await?;
        let found = response.result.into_iter().map(convert::read_payload).collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().filter_map(|(id, payload)| Some((id, read_stored_version(&payload)?))).collect())
    }
}
