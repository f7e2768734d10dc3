//! Changes of points.

use std::collections::{HashMap, HashSet};
use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::types::{Digest, Point, PointId};

/// Changes the points of collections. An ingest needs nothing else of a store, so [`Self::digests`] is part of this trait:
/// a digest decides whether a document is written at all.
#[async_trait]
pub trait PointWriter: fmt::Debug + Send + Sync + 'static {
    /// Writes points, and returns when they are durable and visible. After an error some of them may be written; to write
    /// them again is harmless. After one with an unknown outcome ([`StoreError::has_unknown_outcome`]) they may be
    /// written later, until [`Self::settled`].
    async fn upsert(&self, name: &str, vector_name: &str, points: &[Point]) -> Result<(), StoreError>;

    /// Writes points with versions as [`Self::upsert`] does, each only if the stored one has no version or an older one.
    /// Returns those that were left as they are, whose stored version is durable. No other change of these points by this
    /// process may be in flight.
    async fn upsert_newer(
        &self,
        name: &str,
        vector_name: &str,
        points: &[Point],
    ) -> Result<HashSet<PointId>, StoreError> {
        let _points = (name, vector_name, points);
        Err(StoreError::Refused("it doesn't compare versions".to_owned()))
    }

    /// Deletes points, and returns when that is durable; ids without a point are ignored. Errors mean what they mean for
    /// [`Self::upsert`].
    async fn delete(&self, name: &str, ids: &[PointId]) -> Result<(), StoreError>;

    /// Deletes points as [`Self::delete`] does, each only if the stored one has no version or an older one than given.
    /// Returns those that were left as they are. No other change of these points by this process may be in flight.
    async fn delete_older(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashSet<PointId>, StoreError> {
        let _points = (name, points);
        Err(StoreError::Refused("it doesn't compare versions".to_owned()))
    }

    /// Returns the content digest of each point that has one; missing points and points without a digest are omitted,
    /// and so are points whose state a kill of this process would undo.
    async fn fetch_digests(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError>;

    /// Returns when no write that ended before this call can take effect any more. Until then no other change of the points
    /// of a write with an unknown outcome may be sent, or the older one could land on top.
    ///
    /// # Errors
    /// If the store can't be asked now.
    async fn wait_until_settled(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
