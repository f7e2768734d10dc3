//! Handle to the writer of a collection.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use super::job::{UnaryDeleteJob, WriterJob};
use crate::pipeline::in_flight_ids::InFlightIds;

/// Handle to a collection's writer. When the last handle is dropped, the writer flushes its batches.
#[derive(Debug, Clone)]
pub struct WriterHandle {
    pub(super) inbox: WriterInbox,
    /// In-flight changes of the collection, by id.
    pub ids: InFlightIds,
    pub(super) _lease: Arc<WriterLease>,
}

/// Senders of a writer's channels.
#[derive(Debug, Clone)]
pub struct WriterInbox {
    pub jobs: mpsc::Sender<WriterJob>,
    pub deletes: mpsc::Sender<UnaryDeleteJob>,
    pub flush_now: Arc<Notify>,
}

/// Lease shared by all handles of a writer. Its drop flushes the batches, because no more items can be added.
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
    /// Sends an upsert or delete to the writer; its retry timeout starts now. Never waits: the channel has capacity for
    /// all permits.
    ///
    /// # Errors
    /// Returns the job if the writer has ended.
    pub fn send(&self, mut job: WriterJob) -> Result<(), Box<WriterJob>> {
        job.receipt_mut().queued_at = Instant::now();
        self.inbox.jobs.try_send(job).map_err(|error| Box::new(error.into_inner()))
    }

    /// Sends the delete of a unary call. Waits for capacity in the channel.
    ///
    /// # Errors
    /// Returns the job if the writer has ended.
    pub async fn delete(&self, job: UnaryDeleteJob) -> Result<(), Box<UnaryDeleteJob>> {
        self.inbox.deletes.send(job).await.map_err(|error| Box::new(error.0))
    }

    /// Flushes the writer's current batches.
    pub fn flush_now(&self) {
        self.inbox.flush_now.notify_one();
    }
}
