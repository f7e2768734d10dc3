//! The HTTP endpoints: `/metrics` for Prometheus, `/status.json`, and a page for people that is made of both.

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::observed::Observed;
use super::status::Status;

/// The media type of Prometheus' text format. It is the only format: OpenMetrics would add exemplars, units and times of
/// creation, of which there are none, and a Prometheus that asks for it takes the text too.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page. It loads nothing from elsewhere.
const PAGE: &str = include_str!("page.html");
/// The page may load its own style and script, and this server's answers.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                           connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Serves `/`, `/status.json` and `/metrics` until `ending`.
pub async fn serve(listener: TcpListener, observed: Observed, ending: CancellationToken) {
    let router = Router::new().route("/metrics", get(metrics)).route("/status.json", get(status)).route("/", get(page));
    let server = axum::serve(listener, router.with_state(observed)).with_graceful_shutdown(ending.cancelled_owned());
    if let Err(error) = server.await {
        tracing::error!(%error, "the metrics page failed");
    }
}

async fn metrics(State(observed): State<Observed>) -> impl IntoResponse {
    observed.observe();
    ([(CONTENT_TYPE, TEXT_FORMAT)], observed.metrics.render())
}

async fn status(State(observed): State<Observed>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], Json(Status::of(&observed)))
}

async fn page() -> impl IntoResponse {
    ([(CONTENT_SECURITY_POLICY, PAGE_POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")], Html(PAGE))
}
