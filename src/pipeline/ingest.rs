//! Ingestion of one client's operations into one collection.

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

/// Receiver of the results of a client's operations.
pub type OperationResults = ResultReceiver<OperationKey, OperationOutcome>;

/// Client's handle for operations on one collection.
#[derive(Debug)]
pub struct IngestHandle {
    /// Specification of the collection.
    spec: CollectionSpec,
    /// Payload field that stores the text; empty if it is not stored.
    text_field: String,
    encoding_spec: EncodingSpec,
    unchanged_filter: Option<UnchangedFilter>,
    encoder: Arc<DocumentEncoder>,
    writer: Arc<StreamWriter>,
    /// Source of tickets for operations and their results.
    pub tickets: TicketIssuer<OperationKey, OperationOutcome>,
    /// Sequence number of the last operation that was read; `first_sequence - 1` if there is none.
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

    /// Returns the counter with the sequence number of the last operation that was read.
    pub fn read_through(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.read_through)
    }

    /// Writes the operations submitted so far without waiting for full batches.
    pub fn flush(&self) {
        self.writer.flush_through(self.read_through.load(Ordering::Relaxed));
    }

    /// Submits an operation, or reports the error immediately if it is invalid. Waits for permits for its bytes, for earlier
    /// changes of the same id by any client, and for capacity in the lane.
    ///
    /// # Errors
    /// `ShuttingDown` if the pipeline is closed.
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
            // Replaced once the document is encoded; still valid if `skip_unchanged` confirms it before.
            DocumentChange::Upsert(_) => OperationOutcome::Unchanged,
            DocumentChange::Delete { .. } => OperationOutcome::Deleted,
        };
        let mut receipt = Receipt::new(bytes, outcome, finalizer, self.writer.ids().enqueue(id));
        if receipt.must_wait() {
            self.writer.flush_now();
            tokio::select! {
                biased;
                () = receipt.wait_until_first() => {}
                // Dropping the receipt reports an error.
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
        // Documents with a version are always written: the version decides, not the content.
        match &self.unchanged_filter {
            Some(unchanged_filter) if admitted.document.version.is_none() => {
                unchanged_filter.send(admitted);
                Ok(())
            }
            _ => self.encoder.encode(admitted).await,
        }
    }
}
