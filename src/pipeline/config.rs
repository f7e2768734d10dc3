//! Configuration of the pipeline's limits.

use super::encoder_pool::EncoderPoolConfig;
use super::writer::WriterConfig;

/// Limits of the pipeline.
#[derive(Debug, Clone, Copy)]
pub struct PipelineConfig {
    pub encoders: EncoderPoolConfig,
    pub writer: WriterConfig,
    /// Maximum number of documents of streams in flight, and separately of texts of streams in flight.
    pub max_documents: usize,
    /// Maximum bytes of the documents in flight, and separately of the texts in flight. Applies to unary calls and to
    /// streams separately.
    pub max_bytes: usize,
    /// Maximum number of documents or texts of unary calls in flight. They have their own permits, so that bulk work
    /// can't block them.
    pub max_interactive: usize,
}
