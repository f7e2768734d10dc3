//! The parts of a running server that the metrics and the status are read from.

use metrics::{counter, gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::Instant;

use super::model_summary::ModelSummary;
use crate::grpc::Gate;
use crate::grpc::health::Health;
use crate::metrics as names;
use crate::version::{REVISION, VERSION};

/// What the metrics and the status are read from.
#[derive(Debug, Clone)]
pub struct Observed {
    pub metrics: PrometheusHandle,
    pub gate: Gate,
    pub health: Health,
    /// The kind of store in use.
    pub store: &'static str,
    /// When the server started.
    pub since: Instant,
}

impl Observed {
    /// Sets the gauges whose values are read when somebody asks for them.
    pub fn observe(&self) {
        gauge!(names::BUILD_INFO, "version" => VERSION, "revision" => REVISION).set(1.0);
        gauge!(names::STORE_INFO, "kind" => self.store).set(1.0);
        self.health.observe();
        metrics_process::Collector::default().collect();
        let Some(shared) = self.gate.peek() else { return };
        shared.pipeline.observe();
        for model in shared.models.iter() {
            let ModelSummary { name, architecture, dtype, device, fingerprint, .. } = ModelSummary::from(&**model);
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
