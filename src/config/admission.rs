//! Limits on documents and texts in flight (admission control).

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::FlagValue;
use super::values::{Count, Size};
use crate::env_var::with_earlier_name;
use crate::pipeline::{EncoderPoolConfig, PipelineConfig, WriterConfig};

#[derive(Debug, Clone, Args)]
pub struct AdmissionArgs {
    /// Maximum number of documents in flight, all streams together. At the limit, streams are slowed down.
    #[arg(
        long,
        alias = "max-documents",
        env = with_earlier_name("SPLADE_MAX_IN_FLIGHT_DOCUMENTS", "SPLADE_MAX_DOCUMENTS"),
        value_name = "N",
        default_value = "8192"
    )]
    max_in_flight_documents: FlagValue<Count>,
    /// Maximum size of the documents in flight, all streams together. At the limit, streams are slowed down.
    #[arg(
        long,
        alias = "max-bytes",
        env = with_earlier_name("SPLADE_MAX_IN_FLIGHT_BYTES", "SPLADE_MAX_BYTES"),
        value_name = "BYTES",
        default_value = "128MiB"
    )]
    max_in_flight_bytes: FlagValue<Size>,
    /// Maximum number of texts of unary calls in flight, all calls together. A call that exceeds it is refused at once.
    #[arg(
        long,
        alias = "max-interactive",
        env = with_earlier_name("SPLADE_MAX_UNARY_TEXTS", "SPLADE_MAX_INTERACTIVE"),
        value_name = "N",
        default_value = "1024"
    )]
    max_unary_texts: FlagValue<Count>,
}

impl AdmissionArgs {
    /// Builds the pipeline configuration from these limits and the encoder and writer settings.
    pub fn resolve(
        self,
        encoders: EncoderPoolConfig,
        writer: WriterConfig,
        errors: &mut ConfigErrors,
    ) -> PipelineConfig {
        PipelineConfig {
            encoders,
            writer,
            max_documents: errors.take_value(self.max_in_flight_documents),
            max_bytes: errors.take_value(self.max_in_flight_bytes),
            max_interactive: errors.take_value(self.max_unary_texts),
        }
    }
}
