//! Changes of points in the engine's types.

use qdrant_edge::{PointId, PointStructPersisted};

/// An upsert or deletion of points.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PointChange {
    Upsert(Vec<PointStructPersisted>),
    Delete(Vec<PointId>),
}

impl PointChange {
    /// Returns the number of points in the change.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Upsert(points) => points.len(),
            Self::Delete(ids) => ids.len(),
        }
    }

    /// Returns the ids of the points in the change.
    pub(super) fn ids(&self) -> Vec<PointId> {
        match self {
            Self::Upsert(points) => points.iter().map(|point| point.id).collect(),
            Self::Delete(ids) => ids.clone(),
        }
    }
}
