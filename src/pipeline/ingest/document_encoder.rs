//! Submission of documents to the encoder threads, with the writer as their next stage.

use std::sync::Arc;

use tokio::time::Instant;

use crate::model::Model;
use crate::pipeline::admitted_document::AdmittedDocument;
use crate::pipeline::encoder_pool::{EncodeJob, EncoderPool, NextStage};
use crate::pipeline::urgency::Urgency;
use crate::pipeline::writer::StreamWriter;
use crate::trace::JobOrigin;
use crate::types::{ApiError, LongTextPolicy, Pruning, Role};

/// Encoder of one client's documents.
#[derive(Debug)]
pub struct DocumentEncoder {
    pub pool: Arc<EncoderPool>,
    pub urgency: Urgency,
    pub model: Arc<Model>,
    pub long_text: LongTextPolicy,
    pub pruning: Pruning,
    /// Destination of encoded documents.
    pub writer: Arc<StreamWriter>,
}

impl DocumentEncoder {
    /// Sends a document to the encoder threads. Waits for capacity in the lane.
    ///
    /// # Errors
    /// `ShuttingDown` if the pipeline is closed.
    pub async fn encode(&self, mut admitted: AdmittedDocument) -> Result<(), ApiError> {
        let job = EncodeJob {
            model: Arc::clone(&self.model),
            role: Role::Document,
            text: std::mem::take(&mut admitted.document.text),
            long_text: self.long_text,
            pruning: self.pruning,
            origin: JobOrigin { span: admitted.receipt.span.clone(), queued_at: Instant::now() },
            next_stage: NextStage::Write { document: Box::new(admitted), writer: Arc::clone(&self.writer) },
        };
        self.pool.submit(self.urgency, job).await
    }
}
