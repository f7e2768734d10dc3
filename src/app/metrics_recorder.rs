//! Metrics recorder of the process, with its histogram buckets.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::metrics::{BATCH_FILL, BATCH_TEXTS, BATCH_TOKENS, UPSERT_POINTS, VECTOR_TERMS, describe};

/// Buckets of durations in seconds, from a query on a small model to a store timeout.
const SECONDS_BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
/// Buckets of counts.
const COUNT_BUCKETS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 10_000.0];
/// Buckets of terms per vector: tens for a pruned query, hundreds for a document, thousands for a defective model.
const TERM_BUCKETS: [f64; 10] = [4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0];
/// Buckets of ratios.
const RATIO_BUCKETS: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// Interval at which histogram samples are aggregated, even without scrapes; otherwise their memory would grow.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Returns the metrics recorder of the process. The first call installs it.
///
/// # Errors
/// If another recorder is already installed.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    // The global recorder can be set only once, but tests start several servers in a process.
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| try_install().map_err(|error| format!("{error:#}")));
    handle.clone().map_err(anyhow::Error::msg)
}

fn try_install() -> anyhow::Result<PrometheusHandle> {
    let match_name = |name: &str| Matcher::Full(name.to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS_BUCKETS)?
        .set_buckets_for_metric(match_name(BATCH_TEXTS), &COUNT_BUCKETS)?
        .set_buckets_for_metric(match_name(BATCH_TOKENS), &COUNT_BUCKETS)?
        .set_buckets_for_metric(match_name(BATCH_FILL), &RATIO_BUCKETS)?
        .set_buckets_for_metric(match_name(VECTOR_TERMS), &TERM_BUCKETS)?
        .set_buckets_for_metric(match_name(UPSERT_POINTS), &COUNT_BUCKETS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).ok().context("another metrics recorder is already installed")?;
    describe();
    metrics_process::Collector::default().describe();
    let upkeep_handle = handle.clone();
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(UPKEEP_INTERVAL);
        loop {
            ticks.tick().await;
            upkeep_handle.run_upkeep();
        }
    });
    Ok(handle)
}
