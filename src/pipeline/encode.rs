//! Encoding of texts without storing the vectors.

use std::sync::Arc;

use super::admission::{AdmissionControl, AdmissionTicket, PermitPool, ResultReceiver, TicketIssuer};
use super::encoder_pool::{EncodeJob, EncodedVector, EncoderPool, NextStage};
use super::urgency::Urgency;
use crate::model::Model;
use crate::trace::JobOrigin;
use crate::types::{ApiError, LongTextPolicy, Pruning, Role};

/// Maximum number of vectors per stream that are in flight or wait for the client. Lower than the limit of `Ingest`
/// results because vectors are much larger.
pub(super) const MAX_PENDING_VECTORS: usize = 1_024;

/// Options that determine how a text is encoded.
#[derive(Debug, Clone)]
pub struct EncodeOptions {
    pub model: Arc<Model>,
    pub role: Role,
    pub long_text: LongTextPolicy,
    pub pruning: Pruning,
}

/// Receiver of a client's vectors, keyed by the number of each text.
pub type VectorResults = ResultReceiver<u64, EncodedVector>;

/// Client's handle to the encoder threads.
#[derive(Debug)]
pub struct EncodeHandle {
    pool: Arc<EncoderPool>,
    urgency: Urgency,
    /// Options for the texts submitted from now on.
    pub options: EncodeOptions,
    /// Source of tickets for texts and their vectors.
    pub tickets: TicketIssuer<u64, EncodedVector>,
}

impl EncodeHandle {
    pub(super) fn new(
        urgency: Urgency,
        options: EncodeOptions,
        admission: &AdmissionControl,
        pool: Arc<EncoderPool>,
    ) -> (Self, VectorResults) {
        let (tickets, vectors) = admission.create_issuer(urgency);
        (Self { pool, urgency, options, tickets }, vectors)
    }

    /// Creates a handle that uses an encoder pool without a pipeline, with at most `max_texts` texts in flight.
    pub fn standalone(pool: Arc<EncoderPool>, options: EncodeOptions, max_texts: usize) -> (Self, VectorResults) {
        let (tickets, vectors) = TicketIssuer::new(PermitPool::new(max_texts, usize::MAX), max_texts);
        (Self { pool, urgency: Urgency::Bulk, options, tickets }, vectors)
    }

    /// Submits a text for encoding, or reports the error of `text` immediately. Waits for permits for its bytes and for
    /// capacity in the lane.
    ///
    /// # Errors
    /// `ShuttingDown` if the pipeline is closed.
    pub async fn submit(
        &self,
        ticket: AdmissionTicket<u64, EncodedVector>,
        number: u64,
        text: Result<String, ApiError>,
    ) -> Result<(), ApiError> {
        let bytes = text.as_ref().map_or(0, String::len);
        let finalizer = ticket.admit(number, bytes).await?;
        let text = match text {
            Ok(text) => text,
            Err(error) => {
                finalizer.finish(Err(error));
                return Ok(());
            }
        };
        let EncodeOptions { model, role, long_text, pruning } = self.options.clone();
        let next_stage = NextStage::Reply(finalizer);
        let job = EncodeJob { model, role, text, long_text, pruning, origin: JobOrigin::current(), next_stage };
        self.pool.submit(self.urgency, job).await
    }
}
