//! What is sent to a writer.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;
use tracing::Span;

use crate::pipeline::admission::Finalizer;
use crate::pipeline::in_flight_ids::Claim;
use crate::pipeline::operation::{Indexed, OperationKey, Stored};
use crate::store::StoreError;
use crate::types::{Point, PointId};

/// Which points may share an upsert: those for the same vector, of streams with the same batch size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchKey {
    pub vector_name: String,
    /// Maximum number of points per upsert.
    pub max_points: usize,
    /// Whether the points have versions.
    pub versioned: bool,
}

/// What a stream sends to a writer.
#[derive(Debug)]
pub enum Job {
    Write(WriteJob),
    Remove(RemoveJob),
}

/// A point to delete, and the duty to answer for it. It is the first in the line of its id.
#[derive(Debug)]
pub struct RemoveJob {
    pub id: PointId,
    /// The version below which the point is deleted; `None` to delete any.
    pub version: Option<i64>,
    /// When it came.
    pub since: Instant,
    /// The call that it is of.
    pub span: Span,
    pub finalizer: Finalizer<OperationKey, Stored>,
    /// Keeps later changes of the id waiting.
    pub claim: Claim,
}

/// A point to write, and the duty to answer for it.
#[derive(Debug)]
pub struct WriteJob {
    pub point: Point,
    pub batch: Arc<BatchKey>,
    pub receipt: Receipt,
}

/// What travels with a point until the store has answered.
#[derive(Debug)]
pub struct Receipt {
    /// About how many bytes the point has.
    pub bytes: usize,
    /// When it came.
    pub since: Instant,
    /// The call that it is of.
    pub span: Span,
    pub indexed: Indexed,
    pub finalizer: Finalizer<OperationKey, Stored>,
    /// Keeps later changes of the point's id waiting.
    pub claim: Claim,
}

/// Points to delete, each the first in the line of its id.
#[derive(Debug)]
pub struct DeleteJob {
    pub ids: Vec<PointId>,
    pub claims: Vec<Claim>,
    /// A permit for each id.
    pub permits: OwnedSemaphorePermit,
    /// When the call came.
    pub since: Instant,
    pub span: Span,
    /// Closed when nobody waits for the answer any more.
    pub answer: oneshot::Sender<Result<(), StoreError>>,
}
