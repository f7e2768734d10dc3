//! Setup of logs and traces.

use std::io::IsTerminal;

use anyhow::Context;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

#[cfg(not(feature = "otlp"))]
use super::disabled_traces::Traces;
#[cfg(feature = "otlp")]
use super::traces::Traces;
use crate::admin::RecentEventsLayer;
use crate::config::{Config, LogFormat};

/// Sets up logs on standard error, the recent errors of the status page, and traces if a collector is configured.
///
/// # Errors
/// If the log filter or the collector's address is invalid, or a subscriber is already installed.
pub fn init(config: &Config) -> anyhow::Result<Traces> {
    let stderr = std::io::stderr;
    let logs = tracing_subscriber::fmt::layer().with_ansi(stderr().is_terminal()).with_writer(stderr);
    let logs = match config.log_format {
        LogFormat::Text => logs.boxed(),
        LogFormat::Json => logs.json().boxed(),
    };
    let traces = Traces::open(config)?;
    tracing_subscriber::registry()
        .with(logs.with_filter(EnvFilter::try_new(&config.log_filter)?))
        .with(RecentEventsLayer.with_filter(recent_errors_filter()))
        .with(traces.layer())
        .try_init()
        .context("failed to set up logs")?;
    Ok(traces)
}

/// Returns the filter of the status page: warnings and errors, except warnings of the embedded engine, which operators can't
/// act on.
fn recent_errors_filter() -> Targets {
    Targets::new().with_default(LevelFilter::WARN).with_target("qdrant_edge", LevelFilter::ERROR)
}
