//! Texts in, vectors out, nothing stored.

use std::sync::Arc;

use super::encoder_pool::{Continuation, EncodeJob, Encoded};
use super::{Finalizer, Pipeline, ResultReceiver, Ticket, Tickets, Urgency};
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
    pipeline: Pipeline,
    urgency: Urgency,
    /// How the next text is encoded.
    pub options: EncodeOptions,
    /// Room for its texts and their vectors.
    pub tickets: Tickets<u64, Encoded>,
}

impl Encode {
    pub(super) fn new(pipeline: Pipeline, urgency: Urgency, options: EncodeOptions) -> (Self, Vectors) {
        let (tickets, vectors) = pipeline.inner.texts.tickets(urgency);
        (Self { pipeline, urgency, options, tickets }, vectors)
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
        let next = Box::new(Reply(finalizer));
        let job = EncodeJob { model, role, text, long_text, pruning, origin: Origin::here(), next };
        self.pipeline.inner.pool.submit(self.urgency, job).await
    }
}

/// A text's next step after the encoder: back to the client.
struct Reply(Finalizer<u64, Encoded>);

impl Continuation for Reply {
    fn is_abandoned(&self) -> bool {
        self.0.is_abandoned()
    }

    fn encoded(self: Box<Self>, _text: String, outcome: Result<Encoded, Fault>) {
        self.0.finish(outcome);
    }
}
