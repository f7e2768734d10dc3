//! `grpc.health.v1`: serving status of each service, and of the whole server under the empty name.
//!
//! The encoder service and `tei.v1` are SERVING when the models are loaded. The index service and the whole server are SERVING
//! when the models are loaded and the store is reachable.

use std::sync::Arc;
use std::time::Duration;

use metrics::gauge;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, HealthService};

use super::encoder_service::EncoderApi;
use super::index_service::IndexApi;
use super::tei::TeiApi;
use crate::metrics as names;
use crate::proto::encoder_service_server::EncoderServiceServer;
use crate::proto::index_service_server::IndexServiceServer;
use crate::proto::tei::embed_server::EmbedServer;
use crate::proto::tei::info_server::InfoServer;
use crate::store::VectorStore;

/// Interval between health checks of the store.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

const WHOLE_SERVER: &str = "";
/// Services that need no store.
const ENCODER_SERVICES: [&str; 3] =
    [EncoderServiceServer::<EncoderApi>::NAME, InfoServer::<TeiApi>::NAME, EmbedServer::<TeiApi>::NAME];
const INDEX_SERVICE: &str = IndexServiceServer::<IndexApi>::NAME;

/// State of the server, and the health service that reports it.
#[derive(Debug, Clone, Default)]
pub struct HealthMonitor {
    reporter: HealthReporter,
    state: watch::Sender<ServerState>,
}

/// Readiness of the server, shared by the health service, the metrics and the status page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServerState {
    /// The models are loaded, and the server is not stopping.
    pub is_encoder_ready: bool,
    /// The last health check of the store succeeded.
    pub is_store_ready: bool,
}

impl ServerState {
    /// Returns whether all services are ready.
    pub fn is_ready(self) -> bool {
        self.is_encoder_ready && self.is_store_ready
    }
}

impl HealthMonitor {
    /// Returns the current state.
    pub fn state(&self) -> ServerState {
        *self.state.borrow()
    }

    /// Sets the gauges for readiness and store health.
    pub fn record_metrics(&self) {
        let state = self.state();
        gauge!(names::READY).set(f64::from(state.is_ready()));
        gauge!(names::STORE_UP).set(f64::from(state.is_store_ready));
    }

    /// Creates the gRPC health service, which initially reports NOT_SERVING.
    pub async fn create_service(&self) -> HealthService {
        self.publish(ServerState::default()).await;
        HealthService::from_health_reporter(self.reporter.clone())
    }

    /// Checks the health of the store periodically and publishes changes, until the server stops. Call it when the models are
    /// loaded.
    pub async fn watch_store(self, store: Arc<dyn VectorStore>, stopping: CancellationToken) {
        let mut ticks = interval(CHECK_INTERVAL);
        // A slow store must not cause a burst of checks afterwards.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_published = None;
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                _ = ticks.tick() => {}
            }
            // The check may hang; shutdown must not wait for it.
            let readiness = tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                answer = store.check_ready() => answer,
            };
            let state = ServerState { is_encoder_ready: true, is_store_ready: readiness.is_ok() };
            if last_published.replace(state) != Some(state) {
                // Published on changes only: watchers get a message for each update, even an equal one.
                self.publish(state).await;
                match readiness {
                    Ok(()) => tracing::info!("serving"),
                    Err(error) => tracing::warn!(%error, "index not serving: store health check failed"),
                }
            }
        }
        self.publish(ServerState { is_encoder_ready: false, ..self.state() }).await;
    }

    /// Ends the `Watch` streams, which would otherwise keep the server from shutting down.
    pub async fn end_watches(mut self) {
        for name in ENCODER_SERVICES.into_iter().chain([INDEX_SERVICE, WHOLE_SERVER]) {
            self.reporter.clear_service_status(name).await;
        }
    }

    async fn publish(&self, state: ServerState) {
        self.state.send_replace(state);
        for service in ENCODER_SERVICES {
            self.reporter.set_service_status(service, to_serving_status(state.is_encoder_ready)).await;
        }
        self.reporter.set_service_status(INDEX_SERVICE, to_serving_status(state.is_ready())).await;
        self.reporter.set_service_status(WHOLE_SERVER, to_serving_status(state.is_ready())).await;
    }
}

fn to_serving_status(is_serving: bool) -> ServingStatus {
    if is_serving { ServingStatus::Serving } else { ServingStatus::NotServing }
}
