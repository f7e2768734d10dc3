//! `grpc.health.v1`: each service, and the server as a whole under the empty name.
//!
//! The encoder serves when the models are ready. The index, and with it the server as a whole, serves while the store
//! answers too.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, HealthService};

use crate::grpc::{EncoderApi, IndexApi};
use crate::proto::encoder_service_server::EncoderServiceServer;
use crate::proto::index_service_server::IndexServiceServer;
use crate::store::VectorStore;

/// How often the store is asked.
const INTERVAL: Duration = Duration::from_secs(1);

const WHOLE: &str = "";
const ENCODER: &str = EncoderServiceServer::<EncoderApi>::NAME;
const INDEX: &str = IndexServiceServer::<IndexApi>::NAME;

/// What the health service says.
#[derive(Debug, Clone)]
pub struct Health {
    reporter: HealthReporter,
}

impl Health {
    pub fn new() -> Self {
        Self { reporter: HealthReporter::new() }
    }

    /// The service itself.
    pub async fn service(&self) -> HealthService {
        self.set(ServingStatus::NotServing, ServingStatus::NotServing).await;
        HealthService::from_health_reporter(self.reporter.clone())
    }

    /// Follows the store until the server stops. Called when the models are ready.
    pub async fn watch(self, store: Arc<dyn VectorStore>, stopping: CancellationToken) {
        let mut ticks = interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last = None;
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                _ = ticks.tick() => {}
            }
            let answer = tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                answer = store.ready() => answer,
            };
            let index = if answer.is_ok() { ServingStatus::Serving } else { ServingStatus::NotServing };
            self.set(ServingStatus::Serving, index).await;
            if last.replace(index) != Some(index) {
                match answer {
                    Ok(()) => tracing::info!("serving"),
                    Err(error) => tracing::warn!(%error, "not serving the index: the store does not answer"),
                }
            }
        }
        self.set(ServingStatus::NotServing, ServingStatus::NotServing).await;
    }

    /// Ends the streams of those who watch, which would keep the server from ending.
    pub async fn end(mut self) {
        for name in [WHOLE, ENCODER, INDEX] {
            self.reporter.clear_service_status(name).await;
        }
    }

    async fn set(&self, encoder: ServingStatus, index: ServingStatus) {
        self.reporter.set_service_status(ENCODER, encoder).await;
        self.reporter.set_service_status(INDEX, index).await;
        self.reporter.set_service_status(WHOLE, index).await;
    }
}
