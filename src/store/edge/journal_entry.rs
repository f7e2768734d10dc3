//! An entry of the journal.
//!
//! See docs/adr/0002-persisted-identities.md.

use qdrant_edge::{PointId, PointStructPersisted};
use serde::{Deserialize, Serialize};

use super::point_change::PointChange;

/// Something that was done to points. The names are those in the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum JournalEntry {
    #[serde(rename = "Upserted")]
    Upserted(Vec<PointId>),
    #[serde(rename = "Deleted")]
    Deleted(Vec<PointId>),
    /// They are about to be deleted and upserted as they are.
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
    /// The points that it is about.
    pub(super) fn into_ids(self) -> Vec<PointId> {
        match self {
            Self::Upserted(ids) | Self::Deleted(ids) => ids,
            Self::Rewriting(points) => points.into_iter().map(|point| point.id).collect(),
        }
    }
}
