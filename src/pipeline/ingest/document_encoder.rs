//! A document's way to the encoder threads, and from there to the writer.

use std::sync::Arc;

use tokio::time::Instant;

use crate::model::Model;
use crate::pipeline::admitted_document::AdmittedDocument;
use crate::pipeline::encoder_pool::{EncodeJob, EncoderPool, NextStage};
use crate::pipeline::urgency::Urgency;
use crate::pipeline::writer::StreamWriter;
use crate::trace::JobOrigin;
use crate::types::{ApiError, LongTextPolicy, Pruning, Role};

/// Sends the documents of one client to the encoder threads.
#[derive(Debug)]
pub struct DocumentEncoder {
    pub pool: Arc<EncoderPool>,
    pub urgency: Urgency,
    pub model: Arc<Model>,
    pub long_text: LongTextPolicy,
    pub pruning: Pruning,
    /// Where encoded documents go.
    pub writer: Arc<StreamWriter>,
}

impl DocumentEncoder {
    /// Sends a document to the encoder threads. Waits for a slot in the lane.
    ///
    /// # Errors
    /// If the pipeline is closed.
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
