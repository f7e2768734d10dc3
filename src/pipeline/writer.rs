//! The writer of a collection: batches points, upserts and deletes them, answers for them.
//!
//! ```text
//!  encoder threads ──▶ Batcher (points, bytes, age) ─┐
//!                                                    ├─▶ writes in flight (AIMD) ──▶ retry ──▶ store
//!  Delete ───────────────────────────────────────────┘                            │ refused: split in two, until the
//!                                                                                 ▼ offending point stands alone
//! ```
//!
//! There is one writer a collection, whoever writes to it: the changes of an id go through its [`InFlightIds`] one after
//! another, and the bound on writes in flight holds for all calls together. It lives on for a while when nobody writes, so
//! that what it learned of the store's speed is there for the next call.

mod delete;
mod registry;
mod retry;
mod settler;
mod task;
mod upsert;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;
use tracing::Span;

use super::Finalizer;
use super::in_flight_ids::{Claim, InFlightIds};
use super::ingest::{Indexed, OperationKey, Stored};
use crate::store::StoreError;
use crate::types::{Point, PointId};
pub use registry::Writers;

/// How points are written.
#[derive(Debug, Clone, Copy)]
pub struct WriterConfig {
    /// The most bytes of one upsert.
    pub batch_bytes: usize,
    /// The longest time that a point waits for others.
    pub batch_age: Duration,
    /// The most upserts and deletes in flight for one collection.
    pub max_in_flight: usize,
    /// How long a write is retried, counted from when its oldest point came.
    pub retry_deadline: Duration,
}

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

/// The way to a collection's writer. When the last one is dropped, the writer writes what it has.
#[derive(Debug, Clone)]
pub struct WriterHandle {
    inbox: Inbox,
    /// The ids of the collection whose changes are in flight.
    pub ids: InFlightIds,
    _lease: Arc<Lease>,
}

/// The sending ends of a writer's channels.
#[derive(Debug, Clone)]
struct Inbox {
    jobs: mpsc::Sender<Job>,
    deletes: mpsc::Sender<DeleteJob>,
    flush_now: Arc<Notify>,
}

/// Shared by all handles of a writer. Dropped with the last of them: nobody can add to the batches then.
#[derive(Debug)]
struct Lease {
    flush_now: Arc<Notify>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.flush_now.notify_one();
    }
}

impl WriterHandle {
    /// Sends a point to write or to delete. Never waits: there is room for every operation that can hold a permit.
    ///
    /// # Errors
    /// Gives the job back if the writer has ended.
    pub fn send(&self, job: Job) -> Result<(), Box<Job>> {
        self.inbox.jobs.try_send(job).map_err(|error| Box::new(error.into_inner()))
    }

    /// Sends a deletion. Waits for room.
    ///
    /// # Errors
    /// Gives the job back if the writer has ended.
    pub async fn delete(&self, job: DeleteJob) -> Result<(), Box<DeleteJob>> {
        self.inbox.deletes.send(job).await.map_err(|error| Box::new(error.0))
    }

    /// Makes the writer write what it has now.
    pub fn flush_now(&self) {
        self.inbox.flush_now.notify_one();
    }
}

#[cfg(test)]
mod tests;
