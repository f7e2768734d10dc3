//! What is sent to a writer.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use tracing::Span;

use crate::pipeline::in_flight_ids::Claim;
use crate::pipeline::receipt::Receipt;
use crate::store::StoreError;
use crate::types::{Point, PointId};

/// Which points may share an upsert: those for the same vector, of streams with the same batch size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchKey {
    pub vector_name: String,
    /// Maximum number of points per upsert.
    pub max_points: usize,
    /// Whether the points have versions.
    pub has_versions: bool,
}

/// What a stream sends to a writer.
#[derive(Debug)]
pub enum WriterJob {
    Upsert(UpsertJob),
    Delete(StreamDeleteJob),
}

impl WriterJob {
    /// Returns what travels with the operation.
    pub fn receipt_mut(&mut self) -> &mut Receipt {
        match self {
            Self::Upsert(job) => &mut job.receipt,
            Self::Delete(job) => &mut job.receipt,
        }
    }
}

/// A point to delete, and the duty to answer for it. It is the first in the line of its id.
#[derive(Debug)]
pub struct StreamDeleteJob {
    pub id: PointId,
    /// The version below which the point is deleted; `None` to delete any.
    pub version: Option<i64>,
    pub receipt: Receipt,
}

/// A point to write, and the duty to answer for it.
#[derive(Debug)]
pub struct UpsertJob {
    pub point: Point,
    pub batch_key: Arc<BatchKey>,
    pub receipt: Receipt,
}

/// Points to delete, each the first in the line of its id.
#[derive(Debug)]
pub struct UnaryDeleteJob {
    pub ids: Vec<PointId>,
    pub claims: Vec<Claim>,
    /// A permit for each id.
    pub permits: OwnedSemaphorePermit,
    /// When the call came.
    pub received_at: Instant,
    pub span: Span,
    /// Closed when nobody waits for the answer any more.
    pub reply: oneshot::Sender<Result<(), StoreError>>,
}
