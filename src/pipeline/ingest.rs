//! One client's operations on their way into one collection.

mod check_document;
mod document_encoder;
mod options;
mod skip_unchanged;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::admission::{AdmissionControl, AdmissionTicket, ResultReceiver, TicketIssuer};
use super::admitted_document::AdmittedDocument;
use super::encoder_pool::EncoderPool;
use super::operation::{DocumentChange, InvalidOperation, OperationKey, OperationOutcome, Submission};
use super::receipt::Receipt;
use super::urgency::Urgency;
use super::writer::{StreamWriter, Writers};
use crate::types::{ApiError, CollectionSpec, Document, EncodingSpec};
use check_document::check_document;
use document_encoder::DocumentEncoder;
pub use options::IngestOptions;
use skip_unchanged::UnchangedFilter;

/// The results of a client's operations.
pub type OperationResults = ResultReceiver<OperationKey, OperationOutcome>;

/// One client's operations on their way.
#[derive(Debug)]
pub struct IngestHandle {
    /// The collection, and the payload field there that keeps the text.
    spec: CollectionSpec,
    text_field: String,
    encoding_spec: EncodingSpec,
    unchanged_filter: Option<UnchangedFilter>,
    encoder: Arc<DocumentEncoder>,
    writer: Arc<StreamWriter>,
    /// Room for its operations and their results.
    pub tickets: TicketIssuer<OperationKey, OperationOutcome>,
    /// Sequence number of the last operation that was read; one less than the first if there is none.
    read_through: Arc<AtomicU64>,
}

impl IngestHandle {
    pub(super) fn new(
        urgency: Urgency,
        options: IngestOptions,
        admission: &AdmissionControl,
        pool: Arc<EncoderPool>,
        writers: &Arc<Writers>,
    ) -> (Self, OperationResults) {
        let (tickets, results) = admission.create_issuer(urgency);
        let IngestOptions { model, collection, spec, long_text, pruning, text_field, max_batch_points, .. } = options;
        let encoding_spec = EncodingSpec::new(model.digest_fingerprint(), long_text, pruning, &text_field);
        let writer = writers.open(&collection);
        let writer = Arc::new(StreamWriter::new(writer, &spec.vector_name, max_batch_points, &text_field));
        let encoder =
            Arc::new(DocumentEncoder { pool, urgency, model, long_text, pruning, writer: Arc::clone(&writer) });
        let unchanged_filter = options.skip_unchanged.then(|| {
            let capacity = admission.permits_for(urgency).max_documents();
            UnchangedFilter::start(Arc::clone(&encoder), Arc::clone(writers), collection, capacity)
        });
        let read_through = Arc::new(AtomicU64::new(options.first_sequence.saturating_sub(1)));
        (Self { spec, text_field, encoding_spec, unchanged_filter, encoder, writer, tickets, read_through }, results)
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
    pub async fn submit(
        &mut self,
        ticket: AdmissionTicket<OperationKey, OperationOutcome>,
        submission: Submission,
    ) -> Result<(), ApiError> {
        let Submission { bytes, position, change } = submission;
        let sequence = self.read_through.fetch_add(1, Ordering::Relaxed) + 1;
        let checked_change = change.and_then(|change| self.check_change(change));
        let id = match &checked_change {
            Ok(change) => Some(change.id().clone()),
            Err(invalid) => invalid.id.clone(),
        };
        let finalizer = ticket.admit(OperationKey { sequence, id, position }, bytes).await?;
        let change = match checked_change {
            Ok(change) => change,
            Err(invalid) => {
                finalizer.finish(Err(invalid.error));
                return Ok(());
            }
        };
        let id = change.id().to_point_id();
        let outcome = match change {
            // As long as it isn't encoded again.
            DocumentChange::Upsert(_) => OperationOutcome::Unchanged,
            DocumentChange::Delete { .. } => OperationOutcome::Deleted,
        };
        let mut receipt = Receipt::new(bytes, outcome, finalizer, self.writer.ids().enqueue(id));
        if receipt.must_wait() {
            self.writer.flush_now();
            tokio::select! {
                biased;
                () = receipt.wait_until_first() => {}
                // The finalizer answers as it drops.
                () = self.tickets.wait_abandoned() => return Ok(()),
            }
        }
        match change {
            DocumentChange::Upsert(document) => self.upsert(document, receipt).await,
            DocumentChange::Delete { version, .. } => {
                self.writer.delete(id, version, receipt);
                Ok(())
            }
        }
    }

    fn check_change(&self, change: DocumentChange) -> Result<DocumentChange, InvalidOperation> {
        match change {
            DocumentChange::Upsert(document) => {
                check_document(document, &self.spec, &self.text_field).map(DocumentChange::Upsert)
            }
            delete @ DocumentChange::Delete { .. } => Ok(delete),
        }
    }

    async fn upsert(&self, document: Document, receipt: Receipt) -> Result<(), ApiError> {
        let digest = self.encoding_spec.compute_digest(&document);
        let admitted = AdmittedDocument { document, digest, receipt };
        // What a version says goes before what the content says.
        match &self.unchanged_filter {
            Some(unchanged_filter) if admitted.document.version.is_none() => {
                unchanged_filter.send(admitted);
                Ok(())
            }
            _ => self.encoder.encode(admitted).await,
        }
    }
}
