//! The description of a collection.

use crate::types::CollectionSpec;

/// Name, spec and size of an existing collection.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionInfo {
    /// Name of the collection itself, even if it was requested by an alias.
    pub name: String,
    pub spec: CollectionSpec,
    pub point_count: u64,
}
