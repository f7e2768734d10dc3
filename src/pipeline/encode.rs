//! Texts in, vectors out, nothing stored.

use std::sync::Arc;

use super::admission::{Admission, AdmissionControl, ResultReceiver, Ticket, Tickets};
use super::encoder_pool::{EncodeJob, Encoded, EncoderPool, Next};
use super::urgency::Urgency;
use crate::model::Model;
use crate::trace::Origin;
use crate::types::{Fault, LongText, Pruning, Role};

/// Maximum number of vectors of one client that are in flight or wait for the client. They are much larger than the
/// results of an ingest.
pub(super) const MAX_VECTORS: usize = 1_024;

/// How texts are encoded.
#[derive(Debug, Clone)]
pub struct EncodeOptions {
    pub model: Arc<Model>,
    pub role: Role,
    pub long_text: LongText,
    pub pruning: Pruning,
}

/// The vectors of a client's texts, each under its number.
pub type Vectors = ResultReceiver<u64, Encoded>;

/// One client's texts on their way.
#[derive(Debug)]
pub struct Encode {
    pool: Arc<EncoderPool>,
    urgency: Urgency,
    /// How the next text is encoded.
    pub options: EncodeOptions,
    /// Room for its texts and their vectors.
    pub tickets: Tickets<u64, Encoded>,
}

impl Encode {
    pub(super) fn new(
        urgency: Urgency,
        options: EncodeOptions,
        permits: &AdmissionControl,
        pool: Arc<EncoderPool>,
    ) -> (Self, Vectors) {
        let (tickets, vectors) = permits.tickets(urgency);
        (Self { pool, urgency, options, tickets }, vectors)
    }

    /// Opens the way to encoder threads that belong to no pipeline, with at most so many texts in flight.
    pub fn standalone(pool: Arc<EncoderPool>, options: EncodeOptions, max_texts: usize) -> (Self, Vectors) {
        let (tickets, vectors) = Tickets::new(Admission::new(max_texts, usize::MAX), max_texts);
        (Self { pool, urgency: Urgency::Bulk, options, tickets }, vectors)
    }

    /// Sends a text on its way, or answers for it at once if it was refused already. Waits for room for its bytes and for
    /// a slot in the lane.
    ///
    /// # Errors
    /// If the pipeline is closed.
    pub async fn submit(
        &self,
        ticket: Ticket<u64, Encoded>,
        number: u64,
        text: Result<String, Fault>,
    ) -> Result<(), Fault> {
        let bytes = text.as_ref().map_or(0, String::len);
        let finalizer = ticket.redeem(number, bytes).await?;
        let text = match text {
            Ok(text) => text,
            Err(fault) => {
                finalizer.finish(Err(fault));
                return Ok(());
            }
        };
        let EncodeOptions { model, role, long_text, pruning } = self.options.clone();
        let next = Next::Reply(finalizer);
        let job = EncodeJob { model, role, text, long_text, pruning, origin: Origin::here(), next };
        self.pool.submit(self.urgency, job).await
    }
}
