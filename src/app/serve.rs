//! Serves the services on every socket: gRPC, gRPC-Web, the HTTP gateway, and the pages of operators.

use metrics_exporter_prometheus::PrometheusHandle;
use tokio::time::Instant;

use super::auth_tokens::follow_auth_tokens;
use super::services::routes;
use crate::admin::{self, Observed};
use crate::config::Config;
use crate::grpc::Gate;
use crate::grpc::auth::guard;
use crate::grpc::health::Health;
use crate::grpc::observe::observed;
#[cfg(feature = "http")]
use crate::http;
#[cfg(feature = "http")]
use crate::server::grpc_web;
use crate::server::{Listeners, Protocols, Servers};

/// Serves on bound sockets.
///
/// # Errors
/// If a certificate, a key or the tokens can't be used, or the reflection service can't read the contract.
pub async fn serve(
    listeners: Listeners,
    config: &Config,
    gate: Gate,
    health: &Health,
    metrics: PrometheusHandle,
) -> anyhow::Result<Servers> {
    let Config { server, security, web, .. } = config;
    let tokens = follow_auth_tokens(security).await?;
    let mut routes = routes(server, gate.clone(), health).await?;
    if let Some(tokens) = &tokens {
        routes = guard(routes, tokens.clone());
    }
    let routes = observed(routes);
    let mut servers = Servers::new(*server, security.clone());
    match &web.grpc_web {
        #[cfg(feature = "http")]
        Some(origins) => {
            let routes = grpc_web(routes.clone(), origins);
            servers.serve_tcp(listeners.grpc, "tcp", Protocols::AnyHttp, routes).await?;
        }
        // The configuration refuses gRPC-Web in a build without it.
        _ => servers.serve_tcp(listeners.grpc, "tcp", Protocols::Http2, routes.clone()).await?,
    }
    #[cfg(feature = "http")]
    if let Some(listener) = listeners.http {
        let settings = http::Settings { limits: config.requests, max_message_bytes: server.max_message_bytes, tokens };
        let gateway = http::door(routes.clone(), settings);
        servers.serve_tcp(listener, "http", Protocols::AnyHttp, gateway).await?;
    }
    if let Some((listener, file)) = listeners.unix {
        servers.serve_unix(listener, file, routes);
    }
    if let Some(listener) = listeners.metrics {
        let observed =
            Observed { metrics, gate, health: health.clone(), store: config.store.kind(), since: Instant::now() };
        servers.spawn(|ending| admin::serve(listener, observed, ending));
    }
    Ok(servers)
}
