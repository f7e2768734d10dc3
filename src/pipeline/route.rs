//! A document's way when it is under way: to the encoder threads, and from there to the writer.

use std::sync::Arc;

use tokio::time::Instant;
use tracing::Span;

use super::encoder_pool::{Continuation, EncodeJob, Encoded};
use super::in_flight_ids::Claim;
use super::ingest::{DocumentKey, Indexed, IngestOptions, Stored};
use super::writer::{BatchKey, Receipt, WriteJob, WriterHandle};
use super::{Finalizer, Pipeline, Urgency};
use crate::trace::Origin;
use crate::types::{Digest, Document, Fault, Point, Role};

/// A document with its permit and the duty to answer for it.
pub struct Admitted {
    pub document: Document,
    /// What it will be made of, when it is stored.
    pub digest: Digest,
    pub bytes: usize,
    pub finalizer: Finalizer<DocumentKey, Stored>,
    pub claim: Claim,
}

/// The way of one client's documents.
#[derive(Debug)]
pub struct Route {
    pub pipeline: Pipeline,
    pub urgency: Urgency,
    pub options: Arc<IngestOptions>,
    pub writer: WriterHandle,
    /// Which points its own may share an upsert with.
    pub batch: Arc<BatchKey>,
}

impl Route {
    /// Sends a document to the encoder threads. Waits for a slot in the lane.
    ///
    /// # Errors
    /// If the pipeline is closed.
    pub async fn encode(&self, mut admitted: Admitted) -> Result<(), Fault> {
        let text = std::mem::take(&mut admitted.document.text);
        let origin = Origin::here();
        let (options, writer, batch) = (Arc::clone(&self.options), self.writer.clone(), Arc::clone(&self.batch));
        let next = Box::new(Write { admitted, options, writer, batch, span: origin.span.clone() });
        let IngestOptions { ref model, long_text, pruning, .. } = *self.options;
        let (model, role) = (Arc::clone(model), Role::Document);
        let job = EncodeJob { model, role, text, long_text, pruning, origin, next };
        self.pipeline.submit(self.urgency, job).await
    }
}

/// A document's next step after the encoder: the writer.
struct Write {
    /// Its document is without its text, which the encoder has.
    admitted: Admitted,
    options: Arc<IngestOptions>,
    writer: WriterHandle,
    batch: Arc<BatchKey>,
    span: Span,
}

impl Continuation for Write {
    fn is_abandoned(&self) -> bool {
        self.admitted.finalizer.is_abandoned()
    }

    fn encoded(self: Box<Self>, text: String, outcome: Result<Encoded, Fault>) {
        let Self { admitted, options, writer, batch, span } = *self;
        let Admitted { mut document, digest, bytes, finalizer, claim } = admitted;
        document.text = text;
        let Encoded { vector, tokens, windows, truncated, pruned, took: _ } = match outcome {
            Ok(encoded) => encoded,
            Err(fault) => return finalizer.finish(Err(fault)),
        };
        let indexed = Indexed { tokens, windows, truncated, terms: vector.len(), pruned };
        // An index and a weight are four bytes each.
        let bytes = bytes + 8 * vector.len();
        let point = Point::new(document, vector, &options.text_key).with_digest(digest);
        let receipt = Receipt { bytes, since: Instant::now(), span, indexed, finalizer, claim };
        // There is room for every document that holds a permit. Were there none, the finalizer would answer as it drops.
        let _sent = writer.send(WriteJob { point, batch, receipt });
    }
}
