//! What bounds the pipeline.

use super::encoder_pool::EncoderPoolConfig;
use super::writer::WriterConfig;

/// Everything that bounds the pipeline.
#[derive(Debug, Clone, Copy)]
pub struct PipelineConfig {
    pub encoders: EncoderPoolConfig,
    pub writer: WriterConfig,
    /// The most documents, and the most texts, of streams that are under way.
    pub max_documents: usize,
    /// The most bytes of each of these.
    pub max_bytes: usize,
    /// The same of unary calls; they have permits of their own, so that bulk work can't hold them up.
    pub max_interactive: usize,
}
