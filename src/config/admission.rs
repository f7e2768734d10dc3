//! How much may be in flight.

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::FlagValue;
use super::values::{Count, Size};
use crate::pipeline::{EncoderPoolConfig, PipelineConfig, WriterConfig};

#[derive(Debug, Clone, Args)]
pub struct AdmissionArgs {
    /// The most documents of streams that are under way.
    #[arg(long, env = "SPLADE_MAX_DOCUMENTS", value_name = "N", default_value = "8192")]
    max_documents: FlagValue<Count>,
    /// The most bytes of documents of streams that are under way.
    #[arg(long, env = "SPLADE_MAX_BYTES", value_name = "SIZE", default_value = "128MiB")]
    max_bytes: FlagValue<Size>,
    /// The most texts of unary calls that are under way. A call for which there is no room is refused at once.
    #[arg(long, env = "SPLADE_MAX_INTERACTIVE", value_name = "N", default_value = "1024")]
    max_interactive: FlagValue<Count>,
}

impl AdmissionArgs {
    /// Completes the pipeline's configuration.
    pub fn resolve(
        self,
        encoders: EncoderPoolConfig,
        writer: WriterConfig,
        errors: &mut ConfigErrors,
    ) -> PipelineConfig {
        PipelineConfig {
            encoders,
            writer,
            max_documents: errors.take_value(self.max_documents),
            max_bytes: errors.take_value(self.max_bytes),
            max_interactive: errors.take_value(self.max_interactive),
        }
    }
}
