//! Jobs of a writer.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use tracing::Span;

use crate::pipeline::in_flight_ids::Claim;
use crate::pipeline::receipt::Receipt;
use crate::store::StoreError;
use crate::types::{Point, PointId};

/// Grouping of points into upserts: points with equal keys may share one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchKey {
    pub vector_name: String,
    /// Maximum number of points per upsert.
    pub max_points: usize,
    /// Set if the points have versions.
    pub has_versions: bool,
}

/// Job that a stream sends to a writer.
#[derive(Debug)]
pub enum WriterJob {
    Upsert(UpsertJob),
    Delete(StreamDeleteJob),
}

impl WriterJob {
    /// Returns the receipt of the operation.
    pub fn receipt_mut(&mut self) -> &mut Receipt {
        match self {
            Self::Upsert(job) => &mut job.receipt,
            Self::Delete(job) => &mut job.receipt,
        }
    }
}

/// Point to delete, with its receipt. Its claim is the first in the queue of its id.
#[derive(Debug)]
pub struct StreamDeleteJob {
    pub id: PointId,
    /// Version below which the point is deleted; `None` to delete unconditionally.
    pub version: Option<i64>,
    pub receipt: Receipt,
}

/// Point to upsert, with its receipt.
#[derive(Debug)]
pub struct UpsertJob {
    pub point: Point,
    pub batch_key: Arc<BatchKey>,
    pub receipt: Receipt,
}

/// Points of a unary call to delete. Each claim is the first in the queue of its id.
#[derive(Debug)]
pub struct UnaryDeleteJob {
    pub ids: Vec<PointId>,
    pub claims: Vec<Claim>,
    /// Permits, one per id.
    pub permits: OwnedSemaphorePermit,
    /// Arrival time of the call, from which the retry timeout counts.
    pub received_at: Instant,
    pub span: Span,
    /// Closed when the caller disconnects.
    pub reply: oneshot::Sender<Result<(), StoreError>>,
}
