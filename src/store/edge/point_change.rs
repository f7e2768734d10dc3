//! A change of points.

use qdrant_edge::{PointId, PointStructPersisted};

/// A change of points.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PointChange {
    Upsert(Vec<PointStructPersisted>),
    Delete(Vec<PointId>),
}

impl PointChange {
    /// How many points it is about.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Upsert(points) => points.len(),
            Self::Delete(ids) => ids.len(),
        }
    }

    /// The points that it is about.
    pub(super) fn ids(&self) -> Vec<PointId> {
        match self {
            Self::Upsert(points) => points.iter().map(|point| point.id).collect(),
            Self::Delete(ids) => ids.clone(),
        }
    }
}
