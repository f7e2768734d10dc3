//! Writes of points.

use std::collections::{HashMap, HashSet};
use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::types::{Digest, Point, PointId};

/// Writes points to collections. Contains everything that an ingest needs of a store; [`Self::fetch_digests`] is part of it
/// because the digest decides whether a document is written at all.
#[async_trait]
pub trait PointWriter: fmt::Debug + Send + Sync + 'static {
    /// Upserts points, and returns when they are durable and visible.
    ///
    /// # Errors
    /// After an error some points may have been written; writing them again is safe. After an error with an unknown outcome
    /// ([`StoreError::has_unknown_outcome`]) they may still be written later, until [`Self::wait_until_settled`] returns.
    async fn upsert(&self, name: &str, vector_name: &str, points: &[Point]) -> Result<(), StoreError>;

    /// Upserts each point only if the stored point has no version or an older one. Returns the ids of skipped points, whose
    /// stored version is durable. The caller must not have other changes of these points in flight.
    ///
    /// # Errors
    /// Same conditions as [`Self::upsert`]; [`StoreError::Refused`] if the store does not support versioned writes.
    async fn upsert_newer(
        &self,
        name: &str,
        vector_name: &str,
        points: &[Point],
    ) -> Result<HashSet<PointId>, StoreError> {
        let _points = (name, vector_name, points);
        Err(StoreError::Refused("versioned writes are not supported".to_owned()))
    }

    /// Deletes points, and returns when the deletion is durable; unknown ids are ignored.
    ///
    /// # Errors
    /// Same conditions as [`Self::upsert`].
    async fn delete(&self, name: &str, ids: &[PointId]) -> Result<(), StoreError>;

    /// Deletes each point only if the stored point has no version or an older one than given. Returns the ids of skipped
    /// points. The caller must not have other changes of these points in flight.
    ///
    /// # Errors
    /// Same conditions as [`Self::upsert`]; [`StoreError::Refused`] if the store does not support versioned writes.
    async fn delete_older(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashSet<PointId>, StoreError> {
        let _points = (name, points);
        Err(StoreError::Refused("versioned writes are not supported".to_owned()))
    }

    /// Returns the content digest of each point that has one. Missing points, points without a digest, and points whose
    /// latest change is not durable yet are omitted.
    async fn fetch_digests(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError>;

    /// Waits until no write that returned before this call can still take effect. After a write with an unknown outcome,
    /// the caller must wait before it sends another change of the same points; otherwise the older write could overwrite
    /// the newer one.
    ///
    /// # Errors
    /// If the store can't be queried now.
    async fn wait_until_settled(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
