//! gRPC-Web, with CORS for the allowed origins.

use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderName, Method};
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::config::AllowedOrigins;

/// Request headers that pages may send.
const ALLOWED_HEADERS: [HeaderName; 8] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-grpc-web"),
    HeaderName::from_static("x-user-agent"),
];
/// Response headers that pages may read: the status of a call that fails before its first message.
const EXPOSED_HEADERS: [HeaderName; 3] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];
/// Time that a browser may cache the response to a preflight request. Chromium caps it at two hours.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(2 * 3_600);

/// Wraps routes so that they also serve gRPC-Web. Calls are translated to gRPC before all other layers.
pub fn add_grpc_web(routes: Routes, origins: &AllowedOrigins) -> Routes {
    let origins = match origins {
        AllowedOrigins::All => AllowOrigin::from(Any),
        AllowedOrigins::Listed(origins) => AllowOrigin::list(origins.clone()),
    };
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        .allow_headers(ALLOWED_HEADERS)
        .expose_headers(EXPOSED_HEADERS)
        .max_age(PREFLIGHT_MAX_AGE);
    routes.into_axum_router().layer(GrpcWebLayer::new()).layer(cors).into()
}
