//! What the web needs around the services: gRPC-Web, and the origins whose pages may call.

use std::time::Duration;

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderName, Method};
use tonic::service::Routes;
use tonic_web::GrpcWebLayer;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::config::Origins;

/// What pages may send.
const SENT: [HeaderName; 8] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("x-grpc-web"),
    HeaderName::from_static("x-user-agent"),
];
/// What pages may see: how a call ended, where it had no answer.
const SEEN: [HeaderName; 3] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
];
/// How long a browser may keep what it was let to. Browsers keep it for two hours at most.
const KEPT: Duration = Duration::from_secs(2 * 3_600);

/// The same services, by gRPC-Web too. Calls are turned into those of gRPC before anything else sees them.
pub fn grpc_web(routes: Routes, origins: &Origins) -> Routes {
    let origins = match origins {
        Origins::All => AllowOrigin::from(Any),
        Origins::These(origins) => AllowOrigin::list(origins.clone()),
    };
    let cors = CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::POST])
        .allow_headers(SENT)
        .expose_headers(SEEN)
        .max_age(KEPT);
    routes.into_axum_router().layer(GrpcWebLayer::new()).layer(cors).into()
}
