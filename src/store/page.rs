//! Paging through the points of a collection.

use super::WithVectors;
use crate::types::{PointId, StoredPoint};

/// The position and size of a page.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrollQuery {
    /// The lowest id; `None` starts with the first point.
    pub from: Option<PointId>,
    /// Maximum number of points to return, at least 1.
    pub limit: usize,
    /// The vectors to return.
    pub vectors: WithVectors,
}

/// Points in the order of their ids: numbers first, then UUIDs.
#[derive(Debug, Clone, PartialEq)]
pub struct PointPage {
    pub points: Vec<StoredPoint>,
    /// The lowest id of the next page; `None` after the last one.
    pub next: Option<PointId>,
}
