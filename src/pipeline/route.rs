//! A document's way when it is under way: to the encoder threads, and from there to the writer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;
use tracing::Span;

use super::encoder_pool::{Continuation, EncodeJob, Encoded};
use super::in_flight_ids::Claim;
use super::ingest::IngestOptions;
use super::operation::{Indexed, OperationKey, Stored};
use super::writer::{BatchKey, Job, Receipt, WriteJob, WriterHandle};
use super::{Finalizer, Pipeline, Urgency};
use crate::trace::Origin;
use crate::types::{Digest, Document, Fault, Point, Role};

/// Maximum number of points per upsert that have a version.
const MAX_VERSIONED_POINTS: usize = 200;

/// A document with its permit and the duty to answer for it.
pub struct Admitted {
    pub document: Document,
    /// What it will be made of, when it is stored.
    pub digest: Digest,
    pub bytes: usize,
    pub finalizer: Finalizer<OperationKey, Stored>,
    pub claim: Claim,
}

/// Which points a client's own may share an upsert with.
#[derive(Debug)]
pub struct Batches {
    plain: Arc<BatchKey>,
    versioned: Arc<BatchKey>,
}

impl Batches {
    /// As `plain` says; points with a version share upserts with their kind, and fewer of them: each is a condition that the
    /// store checks against all.
    pub fn new(plain: BatchKey) -> Self {
        let max_points = plain.max_points.min(MAX_VERSIONED_POINTS);
        let versioned = BatchKey { vector_name: plain.vector_name.clone(), max_points, versioned: true };
        Self { plain: Arc::new(plain), versioned: Arc::new(versioned) }
    }
}

/// The way of one client's documents.
#[derive(Debug)]
pub struct Route {
    pub pipeline: Pipeline,
    pub urgency: Urgency,
    pub options: Arc<IngestOptions>,
    pub writer: WriterHandle,
    pub batches: Batches,
    /// Documents up to this sequence number don't wait for a batch to fill.
    pub flush_through: AtomicU64,
}

impl Route {
    /// Sends a document to the encoder threads. Waits for a slot in the lane.
    ///
    /// # Errors
    /// If the pipeline is closed.
    pub async fn encode(self: &Arc<Self>, mut admitted: Admitted) -> Result<(), Fault> {
        let text = std::mem::take(&mut admitted.document.text);
        let origin = Origin::here();
        let next = Box::new(Write { admitted, route: Arc::clone(self), span: origin.span.clone() });
        let IngestOptions { ref model, long_text, pruning, .. } = *self.options;
        let (model, role) = (Arc::clone(model), Role::Document);
        let job = EncodeJob { model, role, text, long_text, pruning, origin, next };
        self.pipeline.inner.pool.submit(self.urgency, job).await
    }
}

/// A document's next step after the encoder: the writer.
struct Write {
    /// Its document is without its text, which the encoder has.
    admitted: Admitted,
    route: Arc<Route>,
    span: Span,
}

impl Continuation for Write {
    fn is_abandoned(&self) -> bool {
        self.admitted.finalizer.is_abandoned()
    }

    fn encoded(self: Box<Self>, text: String, outcome: Result<Encoded, Fault>) {
        let Self { admitted, route, span } = *self;
        let Admitted { mut document, digest, bytes, finalizer, claim } = admitted;
        document.text = text;
        let Encoded { vector, tokens, windows, truncated, pruned, took: _ } = match outcome {
            Ok(encoded) => encoded,
            Err(fault) => return finalizer.finish(Err(fault)),
        };
        let indexed = Indexed { tokens, windows, truncated, terms: vector.len(), pruned };
        // An index and a weight are four bytes each.
        let bytes = bytes + 8 * vector.len();
        let batches = &route.batches;
        let batch = Arc::clone(if document.version.is_some() { &batches.versioned } else { &batches.plain });
        let point = Point::new(document, vector, &route.options.text_field).with_digest(digest);
        let flush_through = route.flush_through.load(Ordering::Relaxed);
        let flush = finalizer.key().is_some_and(|key| key.sequence <= flush_through);
        let receipt = Receipt { bytes, since: Instant::now(), span, indexed, finalizer, claim };
        // There is room for every document that holds a permit. Were there none, the finalizer would answer as it drops.
        let _sent = route.writer.send(Job::Write(WriteJob { point, batch, receipt }));
        if flush {
            route.writer.flush_now();
        }
    }
}
