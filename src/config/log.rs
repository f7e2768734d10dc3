//! Log and trace settings.

use clap::{Args, ValueEnum};

use super::flag_value::{FlagError, FlagType, FlagValue, expected_error};
use super::otlp::CollectorUrl;
use super::values::OneOf;

#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Log filter: a level (error, warn, info, debug or trace), or levels by module such as warn,splade_sidecar=debug.
    #[arg(
        long,
        env = "SPLADE_LOG",
        value_name = "FILTER",
        default_value = "warn,qdrant_edge=error,splade_sidecar=info"
    )]
    pub log: FlagValue<LogFilter>,
    /// Log format: text or json.
    #[arg(long, env = "SPLADE_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: FlagValue<OneOf<LogFormat>>,
    /// URL of an OpenTelemetry collector's OTLP gRPC port. Enables traces [default: OTEL_EXPORTER_OTLP_ENDPOINT, otherwise
    /// traces are disabled].
    #[arg(long, env = "SPLADE_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<FlagValue<CollectorUrl>>,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Flag type of a `tracing_subscriber` filter.
#[derive(Debug, Clone)]
pub struct LogFilter;

impl FlagType for LogFilter {
    type Value = String;

    fn parse(text: &str) -> Result<String, FlagError> {
        match tracing_subscriber::EnvFilter::try_new(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => {
                Err(expected_error(format!("a level or a filter, such as warn,splade_sidecar=debug ({error})")))
            }
        }
    }

    fn placeholder() -> String {
        String::new()
    }
}
