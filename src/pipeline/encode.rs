//! Texts in, vectors out, nothing stored.

use std::sync::Arc;

use super::admission::{AdmissionControl, AdmissionTicket, PermitPool, ResultReceiver, TicketIssuer};
use super::encoder_pool::{EncodeJob, EncodedVector, EncoderPool, NextStage};
use super::urgency::Urgency;
use crate::model::Model;
use crate::trace::JobOrigin;
use crate::types::{ApiError, LongTextPolicy, Pruning, Role};

/// Maximum number of vectors of one client that are in flight or wait for the client. They are much larger than the
/// results of an ingest.
pub(super) const MAX_PENDING_VECTORS: usize = 1_024;

/// How texts are encoded.
#[derive(Debug, Clone)]
pub struct EncodeOptions {
    pub model: Arc<Model>,
    pub role: Role,
    pub long_text: LongTextPolicy,
    pub pruning: Pruning,
}

/// The vectors of a client's texts, each under its number.
pub type VectorResults = ResultReceiver<u64, EncodedVector>;

/// One client's texts on their way.
#[derive(Debug)]
pub struct EncodeHandle {
    pool: Arc<EncoderPool>,
    urgency: Urgency,
    /// How the next text is encoded.
    pub options: EncodeOptions,
    /// Room for its texts and their vectors.
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

    /// Opens the way to encoder threads that belong to no pipeline, with at most so many texts in flight.
    pub fn standalone(pool: Arc<EncoderPool>, options: EncodeOptions, max_texts: usize) -> (Self, VectorResults) {
        let (tickets, vectors) = TicketIssuer::new(PermitPool::new(max_texts, usize::MAX), max_texts);
        (Self { pool, urgency: Urgency::Bulk, options, tickets }, vectors)
    }

    /// Sends a text on its way, or answers for it at once if it was refused already. Waits for room for its bytes and for
    /// a slot in the lane.
    ///
    /// # Errors
    /// If the pipeline is closed.
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
