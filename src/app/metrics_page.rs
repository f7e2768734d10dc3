//! Metrics over HTTP, for Prometheus.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::grpc::Gate;

/// The media type of Prometheus' text format.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves `/metrics` until `ending`.
pub async fn serve(listener: TcpListener, metrics: PrometheusHandle, gate: Gate, ending: CancellationToken) {
    let page = move || async move {
        if let Some(shared) = gate.peek() {
            shared.pipeline.observe();
        }
        ([(CONTENT_TYPE, TEXT_FORMAT)], metrics.render())
    };
    let router = Router::new().route("/metrics", get(page));
    let server = axum::serve(listener, router).with_graceful_shutdown(ending.cancelled_owned());
    if let Err(error) = server.await {
        tracing::error!(%error, "the metrics page failed");
    }
}
