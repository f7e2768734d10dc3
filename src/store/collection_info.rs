//! The description of a collection.

use crate::types::CollectionSpec;

/// A collection as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionInfo {
    /// Its own name, also where it was asked for by an alias.
    pub name: String,
    pub spec: CollectionSpec,
    pub point_count: u64,
}
