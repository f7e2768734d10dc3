//! Assembly of the servers of all sockets: gRPC, gRPC-Web, the HTTP gateway, and the admin server.

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::Instant;

use super::auth_tokens::watch_auth_tokens;
use super::services::build_routes;
use crate::admin::{self, AdminState};
use crate::config::Config;
use crate::grpc::Readiness;
use crate::grpc::auth::require_token;
use crate::grpc::health::HealthMonitor;
use crate::grpc::observe::instrument_routes;
#[cfg(feature = "http")]
use crate::http;
#[cfg(feature = "http")]
use crate::server::add_grpc_web;
use crate::server::{Listeners, Protocols, Servers};

/// Starts the servers on bound sockets.
///
/// # Errors
/// If a certificate, key or token file is invalid, or the reflection service can't decode the file descriptor set.
pub async fn serve(
    listeners: Listeners,
    config: &Config,
    readiness: Readiness,
    health: &HealthMonitor,
    metrics: PrometheusHandle,
) -> anyhow::Result<Servers> {
    let Config { server, security, web, .. } = config;
    let tokens = watch_auth_tokens(security).await?;
    let mut routes = build_routes(server, readiness.clone(), health).await?;
    if let Some(tokens) = &tokens {
        routes = require_token(routes, tokens.clone());
    }
    // Outside of the authentication, so that refused calls are counted too.
    let routes = instrument_routes(routes);
    let mut servers = Servers::new(*server, security.clone());
    match &web.grpc_web {
        #[cfg(feature = "http")]
        Some(origins) => {
            let routes = add_grpc_web(routes.clone(), origins);
            servers.serve_tcp(listeners.grpc, "tcp", Protocols::AnyHttp, routes).await?;
        }
        // The configuration refuses gRPC-Web in a build without the feature `http`.
        _ => servers.serve_tcp(listeners.grpc, "tcp", Protocols::Http2, routes.clone()).await?,
    }
    #[cfg(feature = "http")]
    if let Some(listener) = listeners.http {
        let settings = http::GatewaySettings {
            limits: config.request_limits,
            max_message_bytes: server.max_message_bytes,
            tokens,
        };
        let gateway = http::build_gateway(routes.clone(), settings);
        servers.serve_tcp(listener, "http", Protocols::AnyHttp, gateway).await?;
    }
    if let Some((listener, file)) = listeners.unix {
        servers.serve_unix(listener, file, routes);
    }
    if let Some(listener) = listeners.metrics {
        let admin_state = AdminState {
            metrics,
            readiness,
            health: health.clone(),
            store_kind: config.store.kind(),
            started_at: Instant::now(),
        };
        servers.spawn(|shutdown| admin::serve(listener, admin_state, shutdown));
    }
    Ok(servers)
}
