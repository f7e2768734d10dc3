//! Stream's view of the writer of its collection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::handle::WriterHandle;
use super::job::{BatchKey, StreamDeleteJob, UpsertJob, WriterJob};
use crate::pipeline::admitted_document::AdmittedDocument;
use crate::pipeline::in_flight_ids::InFlightIds;
use crate::pipeline::receipt::Receipt;
use crate::types::{Point, PointId, SparseVector};

/// Maximum number of versioned points per upsert: the store evaluates the condition of each against all.
const MAX_VERSIONED_POINTS: usize = 200;

/// Sender of one stream's changes to the writer of its collection.
#[derive(Debug)]
pub struct StreamWriter {
    writer: WriterHandle,
    /// Payload field that stores the text; empty to not store it.
    text_field: String,
    /// Batch key of points without a version.
    unversioned_key: Arc<BatchKey>,
    /// Batch key of points with a version.
    versioned_key: Arc<BatchKey>,
    /// Sequence number up to which changes are written without waiting for a full batch.
    flush_through: AtomicU64,
}

impl StreamWriter {
    /// Creates a sender that writes to the named vector with at most `max_points` points per upsert.
    pub fn new(writer: WriterHandle, vector_name: &str, max_points: usize, text_field: &str) -> Self {
        let new_key = |max_points, has_versions| {
            Arc::new(BatchKey { vector_name: vector_name.to_owned(), max_points, has_versions })
        };
        Self {
            writer,
            text_field: text_field.to_owned(),
            unversioned_key: new_key(max_points, false),
            versioned_key: new_key(max_points.min(MAX_VERSIONED_POINTS), true),
            flush_through: AtomicU64::new(0),
        }
    }

    /// Returns the in-flight changes of the collection, by id.
    pub fn ids(&self) -> &InFlightIds {
        &self.writer.ids
    }

    /// Flushes the writer's current batches.
    pub fn flush_now(&self) {
        self.writer.flush_now();
    }

    /// Flushes the writer's current batches, and changes up to `sequence` as soon as they arrive.
    pub fn flush_through(&self, sequence: u64) {
        self.flush_through.store(sequence, Ordering::Relaxed);
        self.flush_now();
    }

    /// Sends a document and its vector to the writer.
    pub fn upsert(&self, admitted: AdmittedDocument, vector: SparseVector) {
        let AdmittedDocument { document, digest, receipt } = admitted;
        let batch_key =
            Arc::clone(if document.version.is_some() { &self.versioned_key } else { &self.unversioned_key });
        let point = Point::new(document, vector, &self.text_field).with_digest(digest);
        let should_flush =
            receipt.sequence().is_some_and(|sequence| sequence <= self.flush_through.load(Ordering::Relaxed));
        self.send(WriterJob::Upsert(UpsertJob { point, batch_key, receipt }));
        if should_flush {
            self.flush_now();
        }
    }

    /// Sends the deletion of a point; with a version, only if the stored version is older or missing.
    pub fn delete(&self, id: PointId, version: Option<i64>, receipt: Receipt) {
        self.send(WriterJob::Delete(StreamDeleteJob { id, version, receipt }));
    }

    fn send(&self, job: WriterJob) {
        // The channel has capacity for all permits. If the send failed, dropping the job would report an error.
        let _sent = self.writer.send(job);
    }
}
