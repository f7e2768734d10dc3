//! Logs and traces.

use clap::{Args, ValueEnum};

use super::flag_value::{FlagError, FlagType, FlagValue, expected_error};
use super::otlp::CollectorUrl;
use super::values::OneOf;

#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// What is logged: error, warn, info, debug or trace, of everything or by module.
    #[arg(
        long,
        env = "SPLADE_LOG",
        value_name = "FILTER",
        default_value = "warn,qdrant_edge=error,splade_sidecar=info"
    )]
    pub log: FlagValue<LogFilter>,
    /// How it is logged: text or json.
    #[arg(long, env = "SPLADE_LOG_FORMAT", value_name = "FORMAT", default_value = "text")]
    pub log_format: FlagValue<OneOf<LogFormat>>,
    /// Send traces to an OpenTelemetry collector: the URL of its OTLP gRPC port. Default: that of
    /// OTEL_EXPORTER_OTLP_ENDPOINT, else none are made.
    #[arg(long, env = "SPLADE_OTLP_ENDPOINT", value_name = "URL")]
    pub otlp_endpoint: Option<FlagValue<CollectorUrl>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// A filter of `tracing_subscriber`.
#[derive(Debug, Clone)]
pub struct LogFilter;

impl FlagType for LogFilter {
    type Value = String;

    fn parse(text: &str) -> Result<String, FlagError> {
        match tracing_subscriber::EnvFilter::try_new(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(expected_error(format!("a level such as info, or a filter ({error})"))),
        }
    }

    fn placeholder() -> String {
        String::new()
    }
}
