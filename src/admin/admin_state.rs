//! State that the metrics and the status are derived from.

use metrics::{counter, gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::Instant;

use super::model_summary::ModelSummary;
use crate::grpc::Readiness;
use crate::grpc::health::HealthMonitor;
use crate::metrics as names;
use crate::version::{REVISION, VERSION};

/// Handles to the parts of a running server from which the metrics and the status are derived.
#[derive(Debug, Clone)]
pub struct AdminState {
    pub metrics: PrometheusHandle,
    pub readiness: Readiness,
    pub health: HealthMonitor,
    /// Kind of store in use: `embedded` or `qdrant`.
    pub store_kind: &'static str,
    /// Start time of the server.
    pub started_at: Instant,
}

impl AdminState {
    /// Sets the gauges that are sampled on each scrape.
    pub fn record_gauges(&self) {
        gauge!(names::BUILD_INFO, "version" => VERSION, "revision" => REVISION).set(1.0);
        gauge!(names::STORE_INFO, "kind" => self.store_kind).set(1.0);
        self.health.record_metrics();
        metrics_process::Collector::default().collect();
        let Some(context) = self.readiness.context() else { return };
        context.pipeline.record_gauges();
        for model in context.models.iter() {
            let ModelSummary { name, architecture, dtype, device, fingerprint, .. } = ModelSummary::from(&**model);
            // Creates the series at 0, so that `rate()` and `increase()` see the first event.
            counter!(names::NONFINITE_VECTORS, "model" => name.clone()).increment(0);
            let labels = [
                ("model", name),
                ("architecture", architecture),
                ("dtype", dtype),
                ("device", device.to_owned()),
                ("fingerprint", fingerprint),
            ];
            gauge!(names::MODEL_INFO, &labels).set(1.0);
        }
    }
}
