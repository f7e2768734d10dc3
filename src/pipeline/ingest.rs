//! One client's operations on their way into one collection.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::Instant;
use tracing::Span;

use super::operation::{Change, OperationKey, Stored, Submission, Unreadable};
use super::route::{Admitted, Batches, Route};
use super::screen::Screen;
use super::writer::{BatchKey, Job, RemoveJob};
use super::{Pipeline, ResultReceiver, Ticket, Tickets, Urgency};
use crate::model::Model;
use crate::types::{
    CollectionSpec, Distance, Document, DocumentId, Fault, LongText, Pruning, Reason, Recipe, normalize_extreme,
};

/// How a client's documents are encoded and stored.
#[derive(Debug)]
pub struct IngestOptions {
    pub model: Arc<Model>,
    /// The collection's own name.
    pub collection: String,
    pub spec: CollectionSpec,
    pub long_text: LongText,
    pub pruning: Pruning,
    /// The payload field that keeps the text; empty to keep none.
    pub text_field: String,
    /// The most points of one upsert.
    pub batch_points: usize,
    /// Whether documents that are stored already, as they would be stored again, are left as they are.
    pub skip_unchanged: bool,
    /// Sequence number of the first operation, at least 1.
    pub first_sequence: u64,
}

/// The results of a client's operations.
pub type Results = ResultReceiver<OperationKey, Stored>;

/// One client's operations on their way.
#[derive(Debug)]
pub struct Ingest {
    route: Arc<Route>,
    recipe: Recipe,
    screen: Option<Screen>,
    /// Room for its operations and their results.
    pub tickets: Tickets<OperationKey, Stored>,
    /// Sequence number of the last operation that was read; one less than the first if there is none.
    read_through: Arc<AtomicU64>,
}

impl Ingest {
    pub(super) fn new(pipeline: Pipeline, urgency: Urgency, options: IngestOptions) -> (Self, Results) {
        let slots = pipeline.inner.documents.of(urgency).max_documents();
        let (tickets, results) = pipeline.inner.documents.tickets(urgency);
        let writer = pipeline.writer(&options.collection);
        let batch = BatchKey {
            vector_name: options.spec.vector_name.clone(),
            max_points: options.batch_points,
            versioned: false,
        };
        let IngestOptions { model, long_text, pruning, text_field, skip_unchanged, .. } = &options;
        let recipe = Recipe::new(model.digest_fingerprint(), *long_text, *pruning, text_field);
        let skip_unchanged = *skip_unchanged;
        let read_through = Arc::new(AtomicU64::new(options.first_sequence.saturating_sub(1)));
        let flush_through = AtomicU64::new(0);
        let route = Arc::new(Route {
            pipeline,
            urgency,
            options: Arc::new(options),
            writer,
            batches: Batches::new(batch),
            flush_through,
        });
        let screen = skip_unchanged.then(|| Screen::start(Arc::clone(&route), slots));
        (Self { route, recipe, screen, tickets, read_through }, results)
    }

    /// Returns the counter of what was read: the sequence number of the last operation.
    pub fn read_through(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read_through)
    }

    /// Has the operations that were submitted so far written without waiting for a batch to fill.
    pub fn flush(&self) {
        self.route.flush_through.store(self.read_through.load(Ordering::Relaxed), Ordering::Relaxed);
        self.route.writer.flush_now();
    }

    /// Sends an operation on its way, or answers for it at once. Waits for room for its bytes, for earlier changes of the
    /// same id, whoever made them, and for a slot in the lane.
    ///
    /// # Errors
    /// If the pipeline is closed.
    pub async fn submit(&mut self, ticket: Ticket<OperationKey, Stored>, submission: Submission) -> Result<(), Fault> {
        let Submission { bytes, position, change } = submission;
        let sequence = self.read_through.fetch_add(1, Ordering::Relaxed) + 1;
        let checked = change.and_then(|change| match change {
            Change::Upsert(document) => self.check(document).map(Change::Upsert),
            delete @ Change::Delete { .. } => Ok(delete),
        });
        let id = match &checked {
            Ok(Change::Upsert(document)) => Some(document.id.clone()),
            Ok(Change::Delete { id, .. }) => Some(id.clone()),
            Err(unreadable) => unreadable.id.clone(),
        };
        let point_id = id.as_ref().map(DocumentId::point_id);
        let finalizer = ticket.redeem(OperationKey { sequence, id, position }, bytes).await?;
        let (change, point_id) = match (checked, point_id) {
            (Ok(change), Some(point_id)) => (change, point_id),
            // Every change has an id.
            (Ok(_), None) => return Ok(()),
            (Err(unreadable), _) => {
                finalizer.finish(Err(unreadable.fault));
                return Ok(());
            }
        };
        let mut claim = self.route.writer.ids.join(point_id);
        if claim.must_wait() {
            self.route.writer.flush_now();
            tokio::select! {
                biased;
                () = claim.first_in_line() => {}
                // The finalizer answers as it drops.
                () = self.tickets.abandoned() => return Ok(()),
            }
        }
        let document = match change {
            Change::Upsert(document) => document,
            Change::Delete { version, .. } => {
                let (since, span) = (Instant::now(), Span::current());
                let job = RemoveJob { id: point_id, version, since, span, finalizer, claim };
                // There is room for every operation that holds a permit.
                let _sent = self.route.writer.send(Job::Remove(job));
                return Ok(());
            }
        };
        let digest = self.recipe.digest(&document);
        let admitted = Admitted { document, digest, bytes, finalizer, claim };
        // What a version says goes before what the content says.
        match &self.screen {
            Some(screen) if admitted.document.version.is_none() => {
                screen.send(admitted);
                Ok(())
            }
            _ => self.route.encode(admitted).await,
        }
    }

    /// What the collection itself would refuse, found before it costs a batch; and vectors brought to what it can keep.
    fn check(&self, mut document: Document) -> Result<Document, Unreadable> {
        let known = &self.route.options.spec.dense;
        let problem = document.dense.iter().find_map(|(name, vector)| match known.get(name) {
            None => Some((name, "the collection has no dense vector of that name; leave it out".to_owned())),
            Some(spec) if spec.size as usize != vector.len() => {
                Some((name, format!("it has {} dimensions; send {}, as the collection has", vector.len(), spec.size)))
            }
            Some(_) => None,
        });
        let problem = problem.map(|(name, message)| (Reason::InvalidVector, format!("dense_vectors.{name}"), message));
        match problem.or_else(|| self.check_payload(&document)) {
            None => {
                for (name, values) in &mut document.dense {
                    if known.get(name).is_some_and(|spec| spec.distance == Distance::Cosine) {
                        normalize_extreme(values);
                    }
                }
                Ok(document)
            }
            Some((reason, field, message)) => {
                let fault = Fault::new(reason, field, message);
                Err(Unreadable { id: Some(document.id), fault })
            }
        }
    }

    /// The text is kept in the payload, and must not replace what the client has there.
    fn check_payload(&self, document: &Document) -> Option<(Reason, String, String)> {
        let key = &self.route.options.text_field;
        let own = document.payload.get(key).filter(|_| !key.is_empty())?;
        let message =
            "the text is kept under this name; rename the field, or set text_field to another name or to none";
        let differs = own.as_str() != Some(&document.text);
        differs.then(|| (Reason::InvalidArgument, format!("payload.{key}"), message.to_owned()))
    }
}
