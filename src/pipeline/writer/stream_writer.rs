//! The way of one stream's changes to the writer of its collection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::handle::WriterHandle;
use super::job::{BatchKey, StreamDeleteJob, UpsertJob, WriterJob};
use crate::pipeline::admitted_document::AdmittedDocument;
use crate::pipeline::in_flight_ids::InFlightIds;
use crate::pipeline::receipt::Receipt;
use crate::types::{Point, PointId, SparseVector};

/// Maximum number of points per upsert that have a version: each is a condition that the store checks against all.
const MAX_VERSIONED_POINTS: usize = 200;

/// Sends the changes of one stream to the writer of its collection.
#[derive(Debug)]
pub struct StreamWriter {
    writer: WriterHandle,
    /// The payload field that keeps the text; empty to keep none.
    text_field: String,
    /// Which points the stream's own may share an upsert with: those with a version, only with their kind.
    unversioned_key: Arc<BatchKey>,
    versioned_key: Arc<BatchKey>,
    /// Changes up to this sequence number don't wait for a batch to fill.
    flush_through: AtomicU64,
}

impl StreamWriter {
    /// Writes to the vector of this name, at most `max_points` per upsert.
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

    /// Returns the ids of the collection whose changes are in flight.
    pub fn ids(&self) -> &InFlightIds {
        &self.writer.ids
    }

    /// Makes the writer write what it has now.
    pub fn flush_now(&self) {
        self.writer.flush_now();
    }

    /// Makes the writer write what it has now, and changes up to this sequence number as soon as they come.
    pub fn flush_through(&self, sequence: u64) {
        self.flush_through.store(sequence, Ordering::Relaxed);
        self.flush_now();
    }

    /// Sends a document and its vector.
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

    /// Sends the deletion of a point; with a version, only if the stored one is older or has none.
    pub fn delete(&self, id: PointId, version: Option<i64>, receipt: Receipt) {
        self.send(WriterJob::Delete(StreamDeleteJob { id, version, receipt }));
    }

    fn send(&self, job: WriterJob) {
        // There is room for every change that holds a permit. Were there none, the finalizer would answer as it drops.
        let _sent = self.writer.send(job);
    }
}
