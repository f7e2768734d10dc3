//! One client's documents on their way into one collection.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::admission::Admission;
use super::claims::{Claim, Claims};
use super::encoder_pool::{Continuation, EncodeJob, Encoded};
use super::writer::{Target, WriteJob, WriterHandle};
use super::{Finalizer, Finished, Pipeline, Ticket, Urgency};
use crate::model::Model;
use crate::types::{CollectionSpec, Document, DocumentId, Fault, LongText, Point, Pruned, Pruning, Reason, Role};

/// Which document of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct DocumentKey {
    /// Its number, from 1.
    pub sequence: u64,
    /// Its id; `None` if it could not be read.
    pub id: Option<DocumentId>,
}

/// An indexed document.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Indexed {
    /// Tokens that were encoded, special ones included; over all windows.
    pub tokens: usize,
    /// Windows that were encoded.
    pub windows: usize,
    /// Whether the text was cut to the model's max length.
    pub truncated: bool,
    /// Terms of its vector.
    pub terms: usize,
    pub pruned: Pruned,
}

/// A document that can't be indexed, as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    pub id: Option<DocumentId>,
    pub fault: Fault,
}

/// How a client's documents are encoded and stored.
#[derive(Debug)]
pub struct IngestOptions {
    pub model: Arc<Model>,
    pub collection: String,
    pub spec: CollectionSpec,
    pub long_text: LongText,
    pub pruning: Pruning,
    /// The payload field that keeps the text; empty to keep none.
    pub text_key: String,
    /// The most points of one upsert.
    pub batch_points: usize,
}

/// The results of a client's documents.
pub type Results = mpsc::Receiver<Finished<DocumentKey, Indexed>>;

/// One client's documents on their way.
#[derive(Debug)]
pub struct Ingest {
    pipeline: Pipeline,
    urgency: Urgency,
    admission: Admission,
    options: Arc<IngestOptions>,
    writer: WriterHandle,
    results: mpsc::Sender<Finished<DocumentKey, Indexed>>,
    claims: Claims,
    sequence: u64,
}

impl Ingest {
    pub(super) fn new(pipeline: Pipeline, urgency: Urgency, options: IngestOptions) -> (Self, Results) {
        let admission = pipeline.inner.documents.of(urgency).clone();
        let (results, receiver) = mpsc::channel(admission.max_documents());
        let target = Target {
            collection: options.collection.clone(),
            vector_name: options.spec.vector_name.clone(),
            batch_points: options.batch_points,
        };
        let writer = pipeline.writer(target);
        let options = Arc::new(options);
        let claims = Claims::default();
        (Self { pipeline, urgency, admission, options, writer, results, claims, sequence: 0 }, receiver)
    }

    /// The collection that the documents go into.
    pub fn collection(&self) -> &str {
        &self.options.collection
    }

    /// Waits for room for one more document. Ask for it before the document is read from the network.
    ///
    /// # Errors
    /// If the client has gone, or the pipeline is closed.
    pub async fn ticket(&self) -> Result<Ticket<DocumentKey, Indexed>, Fault> {
        Ticket::take(&self.admission, &self.results).await
    }

    /// Waits until every document has its result and the client has taken it, or has gone.
    pub async fn settled(&self) {
        // All slots are free. They come back at once.
        let _slots = self.results.reserve_many(self.results.max_capacity()).await;
    }

    /// Waits until nobody waits for results any more: the client has gone.
    pub async fn abandoned(&self) {
        self.results.closed().await;
    }

    /// Sends a document of `bytes` bytes on its way, or answers for it at once. Waits for room for its bytes, for an
    /// earlier document of the same id, and for a slot in the lane.
    ///
    /// # Errors
    /// If the pipeline is closed.
    pub async fn submit(
        &mut self,
        ticket: Ticket<DocumentKey, Indexed>,
        bytes: usize,
        document: Result<Document, Unreadable>,
    ) -> Result<(), Fault> {
        self.sequence += 1;
        let sequence = self.sequence;
        let checked = document.and_then(|document| self.check(document));
        let id = match &checked {
            Ok(document) => Some(document.id.clone()),
            Err(unreadable) => unreadable.id.clone(),
        };
        let finalizer = ticket.redeem(DocumentKey { sequence, id }, bytes).await?;
        let mut document = match checked {
            Ok(document) => document,
            Err(unreadable) => {
                finalizer.finish(Err(unreadable.fault));
                return Ok(());
            }
        };
        let claim = self.claims.claim(document.id.point_id(), || self.writer.hurry()).await;
        let text = std::mem::take(&mut document.text);
        let options = Arc::clone(&self.options);
        let next = Box::new(Write { document, bytes, options, finalizer, claim, writer: self.writer.clone() });
        let IngestOptions { ref model, long_text, pruning, .. } = *self.options;
        let job = EncodeJob { model: Arc::clone(model), role: Role::Document, text, long_text, pruning, next };
        self.pipeline.submit(self.urgency, job).await
    }

    /// What the collection itself would refuse, found before it costs a batch.
    fn check(&self, document: Document) -> Result<Document, Unreadable> {
        let known = &self.options.spec.dense;
        let problem = document.dense.iter().find_map(|(name, vector)| match known.get(name) {
            None => Some((name, "the collection has no dense vector of that name; leave it out".to_owned())),
            Some(spec) if spec.size as usize != vector.len() => {
                Some((name, format!("it has {} dimensions; send {}, as the collection has", vector.len(), spec.size)))
            }
            Some(_) => None,
        });
        let problem = problem.map(|(name, message)| (Reason::InvalidVector, format!("dense_vectors.{name}"), message));
        match problem.or_else(|| self.check_payload(&document)) {
            None => Ok(document),
            Some((reason, field, message)) => {
                let fault = Fault::new(reason, field, message);
                Err(Unreadable { id: Some(document.id), fault })
            }
        }
    }

    /// The text is kept in the payload, and must not replace what the client has there.
    fn check_payload(&self, document: &Document) -> Option<(Reason, String, String)> {
        let key = &self.options.text_key;
        let own = document.payload.get(key).filter(|_| !key.is_empty())?;
        let message =
            "the text is kept under this name; rename the field, or set text_key to another name or to nothing";
        let differs = own.as_str() != Some(&document.text);
        differs.then(|| (Reason::InvalidArgument, format!("payload.{key}"), message.to_owned()))
    }
}

/// A document's next step after the encoder: the writer.
struct Write {
    /// Without its text, which the encoder has.
    document: Document,
    bytes: usize,
    options: Arc<IngestOptions>,
    finalizer: Finalizer<DocumentKey, Indexed>,
    claim: Claim,
    writer: WriterHandle,
}

impl Continuation for Write {
    fn is_abandoned(&self) -> bool {
        self.finalizer.is_abandoned()
    }

    fn encoded(self: Box<Self>, text: String, outcome: Result<Encoded, Fault>) {
        let Self { mut document, bytes, options, finalizer, claim, writer } = *self;
        document.text = text;
        let Encoded { vector, tokens, windows, truncated, pruned } = match outcome {
            Ok(encoded) => encoded,
            Err(fault) => return finalizer.finish(Err(fault)),
        };
        let indexed = Indexed { tokens, windows, truncated, terms: vector.len(), pruned };
        // An index and a weight are four bytes each.
        let bytes = bytes + 8 * vector.len();
        let point = Point::new(document, vector, &options.text_key);
        // There is room for every document that holds a permit. Were there none, the finalizer would answer as it drops.
        let _sent = writer.send(WriteJob { point, bytes, since: Instant::now(), indexed, finalizer, claim });
    }
}
