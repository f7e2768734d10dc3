//! Pagination of the points of a collection.

use super::WithVectors;
use crate::types::{PointId, StoredPoint};

/// A request for one page of points in id order.
#[derive(Debug, Clone, PartialEq)]
pub struct ScrollQuery {
    /// Lowest id of the page; `None` starts at the first point.
    pub from: Option<PointId>,
    /// Maximum number of points to return, at least 1.
    pub limit: usize,
    /// Vectors to return with each point.
    pub vectors: WithVectors,
}

/// A page of points in id order: numeric ids first, then UUIDs.
#[derive(Debug, Clone, PartialEq)]
pub struct PointPage {
    pub points: Vec<StoredPoint>,
    /// Lowest id of the next page; `None` on the last page.
    pub next: Option<PointId>,
}
