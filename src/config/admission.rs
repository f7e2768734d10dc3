//! How much may be in flight.

use clap::Args;

use super::mistakes::Mistakes;
use super::setting::Setting;
use super::values::{Count, Size};
use crate::pipeline::{EncoderPoolConfig, PipelineConfig, WriterConfig};

#[derive(Debug, Clone, Args)]
pub struct AdmissionArgs {
    /// The most documents of streams that are under way.
    #[arg(long, env = "SPLADE_MAX_DOCUMENTS", value_name = "N", default_value = "8192")]
    max_documents: Setting<Count>,
    /// The most bytes of documents of streams that are under way.
    #[arg(long, env = "SPLADE_MAX_BYTES", value_name = "SIZE", default_value = "128MiB")]
    max_bytes: Setting<Size>,
    /// The most texts of unary calls that are under way. A call for which there is no room is refused at once.
    #[arg(long, env = "SPLADE_MAX_INTERACTIVE", value_name = "N", default_value = "1024")]
    max_interactive: Setting<Count>,
}

impl AdmissionArgs {
    /// Completes the pipeline's configuration.
    pub fn resolve(self, encoders: EncoderPoolConfig, writer: WriterConfig, mistakes: &mut Mistakes) -> PipelineConfig {
        PipelineConfig {
            encoders,
            writer,
            max_documents: mistakes.value(self.max_documents),
            max_bytes: mistakes.value(self.max_bytes),
            max_interactive: mistakes.value(self.max_interactive),
        }
    }
}
