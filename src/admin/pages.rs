//! HTTP endpoints: `/metrics` for Prometheus, `/status.json`, and the status page at `/`.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::admin_state::AdminState;
use super::status::Status;

/// Media type of Prometheus' text format. OpenMetrics is not offered: it would add exemplars, units and creation times,
/// which these metrics don't have, and a Prometheus server that prefers it accepts the text format too.
///
/// See docs/adr/0047-metrics.md.
const PROMETHEUS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// HTML of the status page. It loads no external resources.
///
/// See docs/adr/0051-status-page.md.
const STATUS_PAGE: &str = include_str!("page.html");
/// Content-Security-Policy of the page: allows only its own style and script, and requests to this server.
const STATUS_PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                           connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves `/`, `/status.json` and `/metrics` until `shutdown` is cancelled.
pub async fn serve(listener: TcpListener, state: AdminState, shutdown: CancellationToken) {
    let router = Router::new()
        .route("/metrics", get(get_metrics))
        .route("/status.json", get(get_status))
        .route("/", get(get_page));
    let server = axum::serve(listener, router.with_state(state)).with_graceful_shutdown(shutdown.cancelled_owned());
    if let Err(error) = server.await {
        tracing::error!(%error, "admin server failed");
    }
}

async fn get_metrics(State(state): State<AdminState>) -> impl IntoResponse {
    state.record_gauges();
    ([(CONTENT_TYPE, PROMETHEUS_CONTENT_TYPE)], state.metrics.render())
}

async fn get_status(State(state): State<AdminState>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], Json(Status::from_admin_state(&state)))
}

async fn get_page() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, STATUS_PAGE_POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")], Html(STATUS_PAGE))
}
