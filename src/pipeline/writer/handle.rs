//! The way to the writer of a collection.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::job::{UnaryDeleteJob, WriterJob};
use crate::pipeline::in_flight_ids::InFlightIds;

/// The way to a collection's writer. When the last one is dropped, the writer writes what it has.
#[derive(Debug, Clone)]
pub struct WriterHandle {
    pub(super) inbox: WriterInbox,
    /// The ids of the collection whose changes are in flight.
    pub ids: InFlightIds,
    pub(super) _lease: Arc<WriterLease>,
}

/// The sending ends of a writer's channels.
#[derive(Debug, Clone)]
pub struct WriterInbox {
    pub jobs: mpsc::Sender<WriterJob>,
    pub deletes: mpsc::Sender<UnaryDeleteJob>,
    pub flush_now: Arc<Notify>,
}

/// Shared by all handles of a writer. Dropped with the last of them: nobody can add to the batches then.
#[derive(Debug)]
pub struct WriterLease {
    pub flush_now: Arc<Notify>,
}

impl Drop for WriterLease {
    fn drop(&mut self) {
        self.flush_now.notify_one();
    }
}

impl WriterHandle {
    /// Sends a point to write or to delete, whose retries count from now. Never waits: there is room for every operation that can hold a permit.
    ///
    /// # Errors
    /// Gives the job back if the writer has ended.
    pub fn send(&self, mut job: WriterJob) -> Result<(), Box<WriterJob>> {
        job.receipt_mut().queued_at = Instant::now();
        self.inbox.jobs.try_send(job).map_err(|error| Box::new(error.into_inner()))
    }

    /// Sends a deletion. Waits for room.
    ///
    /// # Errors
    /// Gives the job back if the writer has ended.
    pub async fn delete(&self, job: UnaryDeleteJob) -> Result<(), Box<UnaryDeleteJob>> {
        self.inbox.deletes.send(job).await.map_err(|error| Box::new(error.0))
    }

    /// Makes the writer write what it has now.
    pub fn flush_now(&self) {
        self.inbox.flush_now.notify_one();
    }
}
