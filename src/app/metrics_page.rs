//! What the operator sees over HTTP: metrics for Prometheus, and a page for people that is made of them.

mod openmetrics;
mod status;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use metrics::{counter, gauge};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::summary::ModelSummary;
use crate::grpc::Gate;
use crate::metrics as names;
use crate::version::{REVISION, VERSION};
use status::Status;

/// The media type of Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page. It needs nothing but this server.
const PAGE: &str = include_str!("page.html");
/// What the page may load: its own style and script, and this server's answers.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                           connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What there is to see.
#[derive(Debug, Clone)]
pub struct Observed {
    pub metrics: PrometheusHandle,
    pub gate: Gate,
    pub health: Health,
    /// The kind of store in use.
    pub store: &'static str,
    /// When the server began.
    pub since: Instant,
}

impl Observed {
    /// Sets the gauges that are read off the parts as they stand.
    fn observe(&self) {
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

/// Serves `/`, `/status.json` and `/metrics` until `ending`.
pub async fn serve(listener: TcpListener, observed: Observed, ending: CancellationToken) {
    let router = Router::new().route("/metrics", get(metrics)).route("/status.json", get(status)).route("/", get(page));
    let server = axum::serve(listener, router.with_state(observed)).with_graceful_shutdown(ending.cancelled_owned());
    if let Err(error) = server.await {
        tracing::error!(%error, "the metrics page failed");
    }
}

/// In the format that is asked for.
async fn metrics(State(observed): State<Observed>, headers: HeaderMap) -> impl IntoResponse {
    observed.observe();
    let text = observed.metrics.render();
    let (kind, text) = match openmetrics::accepted(headers.get_all(ACCEPT)) {
        true => (openmetrics::MEDIA_TYPE, openmetrics::from_prometheus(&text)),
        false => (TEXT_FORMAT, text),
    };
    ([(CONTENT_TYPE, kind), (VARY, "accept")], text)
}

async fn status(State(observed): State<Observed>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], Json(Status::of(&observed)))
}

async fn page() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, PAGE_POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")], Html(PAGE))
}
