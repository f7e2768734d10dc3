//! Entries of the journal.
//!
//! See docs/adr/0002-persisted-identities.md.

use qdrant_edge::{PointId, PointStructPersisted};
use serde::{Deserialize, Serialize};

use super::point_change::PointChange;

/// A change of points. The serialized names are part of the file format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum JournalEntry {
    #[serde(rename = "Upserted")]
    Upserted(Vec<PointId>),
    #[serde(rename = "Deleted")]
    Deleted(Vec<PointId>),
    /// Points that are about to be deleted and upserted unchanged.
    #[serde(rename = "Rewriting")]
    Rewriting(Vec<PointStructPersisted>),
}

impl From<&PointChange> for JournalEntry {
    fn from(change: &PointChange) -> Self {
        match change {
            PointChange::Upsert(points) => Self::Upserted(points.iter().map(|point| point.id).collect()),
            PointChange::Delete(ids) => Self::Deleted(ids.clone()),
        }
    }
}

impl JournalEntry {
    /// Returns the ids of the entry's points.
    pub(super) fn into_ids(self) -> Vec<PointId> {
        match self {
            Self::Upserted(ids) | Self::Deleted(ids) => ids,
            Self::Rewriting(points) => points.into_iter().map(|point| point.id).collect(),
        }
    }
}
