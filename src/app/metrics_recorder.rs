//! The recorder of the process's metrics, with the buckets of its histograms.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::metrics::{BATCH_FILL, BATCH_TEXTS, BATCH_TOKENS, UPSERT_POINTS, VECTOR_TERMS, describe};

/// Buckets of times, in seconds: from a query on a small model to a store that hangs.
const SECONDS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0];
/// Buckets of counts.
const COUNTS: [f64; 12] = [1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 10_000.0];
/// Buckets of the terms of a vector: tens for a pruned query, hundreds for a document, thousands for a model gone wrong.
const TERMS: [f64; 10] = [4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1_024.0, 4_096.0];
/// Buckets of shares.
const SHARES: [f64; 10] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];

/// How often histograms are condensed, whether or not somebody reads them.
const UPKEEP: Duration = Duration::from_secs(5);

/// Returns the recorder of the process's metrics, which is installed at the first call.
///
/// # Errors
/// If another recorder is set up already.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    static HANDLE: OnceLock<Result<PrometheusHandle, String>> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| try_install().map_err(|error| format!("{error:#}")));
    handle.clone().map_err(anyhow::Error::msg)
}

fn try_install() -> anyhow::Result<PrometheusHandle> {
    let full = |name: &str| Matcher::Full(name.to_owned());
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(full(BATCH_TEXTS), &COUNTS)?
        .set_buckets_for_metric(full(BATCH_TOKENS), &COUNTS)?
        .set_buckets_for_metric(full(BATCH_FILL), &SHARES)?
        .set_buckets_for_metric(full(VECTOR_TERMS), &TERMS)?
        .set_buckets_for_metric(full(UPSERT_POINTS), &COUNTS)?
        .build_recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder).ok().context("metrics are set up already")?;
    describe();
    metrics_process::Collector::default().describe();
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
