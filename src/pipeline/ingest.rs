//! One client's operations on their way into one collection.

mod check_document;
mod document_encoder;
mod options;
mod skip_unchanged;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::admission::{AdmissionControl, ResultReceiver, Ticket, Tickets};
use super::admitted_document::AdmittedDocument;
use super::encoder_pool::EncoderPool;
use super::operation::{Change, OperationKey, Stored, Submission, Unreadable};
use super::receipt::Receipt;
use super::urgency::Urgency;
use super::writer::{StreamWriter, Writers};
use crate::types::{CollectionSpec, Document, Fault, Recipe};
use check_document::check_document;
use document_encoder::DocumentEncoder;
pub use options::IngestOptions;
use skip_unchanged::SkipUnchanged;

/// The results of a client's operations.
pub type Results = ResultReceiver<OperationKey, Stored>;

/// One client's operations on their way.
#[derive(Debug)]
pub struct Ingest {
    /// The collection, and the payload field there that keeps the text.
    spec: CollectionSpec,
    text_field: String,
    recipe: Recipe,
    skip_unchanged: Option<SkipUnchanged>,
    encoder: Arc<DocumentEncoder>,
    writer: Arc<StreamWriter>,
    /// Room for its operations and their results.
    pub tickets: Tickets<OperationKey, Stored>,
    /// Sequence number of the last operation that was read; one less than the first if there is none.
    read_through: Arc<AtomicU64>,
}

impl Ingest {
    pub(super) fn new(
        urgency: Urgency,
        options: IngestOptions,
        permits: &AdmissionControl,
        pool: Arc<EncoderPool>,
        writers: &Arc<Writers>,
    ) -> (Self, Results) {
        let (tickets, results) = permits.tickets(urgency);
        let IngestOptions { model, collection, spec, long_text, pruning, text_field, batch_points, .. } = options;
        let recipe = Recipe::new(model.digest_fingerprint(), long_text, pruning, &text_field);
        let writer = writers.open(&collection);
        let writer = Arc::new(StreamWriter::new(writer, &spec.vector_name, batch_points, &text_field));
        let encoder =
            Arc::new(DocumentEncoder { pool, urgency, model, long_text, pruning, writer: Arc::clone(&writer) });
        let skip_unchanged = options.skip_unchanged.then(|| {
            let slots = permits.of(urgency).max_documents();
            SkipUnchanged::start(Arc::clone(&encoder), Arc::clone(writers), collection, slots)
        });
        let read_through = Arc::new(AtomicU64::new(options.first_sequence.saturating_sub(1)));
        (Self { spec, text_field, recipe, skip_unchanged, encoder, writer, tickets, read_through }, results)
    }

    /// Returns the counter of what was read: the sequence number of the last operation.
    pub fn read_through(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read_through)
    }

    /// Has the operations that were submitted so far written without waiting for a batch to fill.
    pub fn flush(&self) {
        self.writer.flush_through(self.read_through.load(Ordering::Relaxed));
    }

    /// Sends an operation on its way, or answers for it at once. Waits for room for its bytes, for earlier changes of the
    /// same id, whoever made them, and for a slot in the lane.
    ///
    /// # Errors
    /// If the pipeline is closed.
    pub async fn submit(&mut self, ticket: Ticket<OperationKey, Stored>, submission: Submission) -> Result<(), Fault> {
        let Submission { bytes, position, change } = submission;
        let sequence = self.read_through.fetch_add(1, Ordering::Relaxed) + 1;
        let checked = change.and_then(|change| self.check(change));
        let id = match &checked {
            Ok(change) => Some(change.id().clone()),
            Err(unreadable) => unreadable.id.clone(),
        };
        let finalizer = ticket.redeem(OperationKey { sequence, id, position }, bytes).await?;
        let change = match checked {
            Ok(change) => change,
            Err(unreadable) => {
                finalizer.finish(Err(unreadable.fault));
                return Ok(());
            }
        };
        let id = change.id().point_id();
        let outcome = match change {
            // As long as it isn't encoded again.
            Change::Upsert(_) => Stored::Unchanged,
            Change::Delete { .. } => Stored::Deleted,
        };
        let mut receipt = Receipt::new(bytes, outcome, finalizer, self.writer.ids().join(id));
        if receipt.must_wait() {
            self.writer.flush_now();
            tokio::select! {
                biased;
                () = receipt.first_in_line() => {}
                // The finalizer answers as it drops.
                () = self.tickets.abandoned() => return Ok(()),
            }
        }
        match change {
            Change::Upsert(document) => self.upsert(document, receipt).await,
            Change::Delete { version, .. } => {
                self.writer.remove(id, version, receipt);
                Ok(())
            }
        }
    }

    fn check(&self, change: Change) -> Result<Change, Unreadable> {
        match change {
            Change::Upsert(document) => check_document(document, &self.spec, &self.text_field).map(Change::Upsert),
            delete @ Change::Delete { .. } => Ok(delete),
        }
    }

    async fn upsert(&self, document: Document, receipt: Receipt) -> Result<(), Fault> {
        let digest = self.recipe.digest(&document);
        let admitted = AdmittedDocument { document, digest, receipt };
        // What a version says goes before what the content says.
        match &self.skip_unchanged {
            Some(skip_unchanged) if admitted.document.version.is_none() => {
                skip_unchanged.send(admitted);
                Ok(())
            }
            _ => self.encoder.encode(admitted).await,
        }
    }
}
