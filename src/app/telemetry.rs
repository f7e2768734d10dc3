//! Logs and metrics of the process.

use std::io::IsTerminal;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;
use crate::metrics::{BATCH_TEXTS, BATCH_TOKENS, UPSERT_POINTS, describe};

/// Buckets of times, in seconds: from a query on a small model to a store that hangs.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
/// Buckets of counts.
const COUNTS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 10_000.0];

/// How often histograms are condensed, whether or not somebody reads them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Logs to standard error.
///
/// # Errors
/// If the filter can't be read, or logs are set up already.
pub fn init_logs(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let stderr = std::io::stderr;
    let logs = tracing_subscriber::fmt().with_env_filter(EnvFilter::try_new(filter)?);
    let logs = logs.with_ansi(stderr().is_terminal()).with_writer(stderr);
    let outcome = match format {
        LogFormat::Text => logs.try_init(),
        LogFormat::Json => logs.json().try_init(),
    };
    outcome.map_err(|error| anyhow::anyhow!("logs can't be set up: {error}"))
}

/// The process's metrics, which are set up at the first call.
///
/// # Errors
/// If another recorder is set up already.
pub fn install_metrics() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| install().map_err(|error| format!("{error:#}")));
    handle.clone().map_err(anyhow::Error::msg)
}

fn install() -> anyhow::Result<PrometheusHandle> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Full(BATCH_TEXTS.to_owned()), &COUNTS)?
        .set_buckets_for_metric(Matcher::Full(BATCH_TOKENS.to_owned()), &COUNTS)?
        .set_buckets_for_metric(Matcher::Full(UPSERT_POINTS.to_owned()), &COUNTS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).ok().context("metrics are set up already")?;
    describe();
    let upkeep = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP);
        loop {
            ticks.tick().await;
            upkeep.run_upkeep();
        }
    });
    Ok(handle)
}
