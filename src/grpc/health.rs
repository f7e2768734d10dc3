//! `grpc.health.v1`: each service, and the server as a whole under the empty name.
//!
//! The encoder service and `tei.v1` serve when the models are loaded. The index service, and with it the server as a whole,
//! serves while the store answers too.

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

/// How often the store is asked whether it is ready.
const INTERVAL: Duration = Duration::from_secs(1);

const WHOLE: &str = "";
/// Services that need no store.
const ENCODERS: [&str; 3] =
    [EncoderServiceServer::<EncoderApi>::NAME, InfoServer::<TeiApi>::NAME, EmbedServer::<TeiApi>::NAME];
const INDEX: &str = IndexServiceServer::<IndexApi>::NAME;

/// The state of the server and the health service that reports it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    reporter: HealthReporter,
    state: watch::Sender<State>,
}

/// The state of a server, in one place for the health service, the metrics and the status page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct State {
    /// The models are loaded, and the server is not stopping.
    pub encoder: bool,
    /// The store answered when it was last asked.
    pub store: bool,
}

impl State {
    /// Returns whether every call is taken.
    pub fn ready(self) -> bool {
        self.encoder && self.store
    }
}

impl Health {
    /// Returns the current state.
    pub fn state(&self) -> State {
        *self.state.borrow()
    }

    /// Sets the gauges.
    pub fn observe(&self) {
        let state = self.state();
        gauge!(names::READY).set(f64::from(state.ready()));
        gauge!(names::STORE_UP).set(f64::from(state.store));
    }

    /// Returns the gRPC service, which reports NOT_SERVING at first.
    pub async fn service(&self) -> HealthService {
        self.set(State::default()).await;
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
            let state = State { encoder: true, store: answer.is_ok() };
            if last.replace(state) != Some(state) {
                // Only then: those who watch are told of every setting.
                self.set(state).await;
                match answer {
                    Ok(()) => tracing::info!("serving"),
                    Err(error) => tracing::warn!(%error, "not serving the index: the store does not answer"),
                }
            }
        }
        self.set(State { encoder: false, ..self.state() }).await;
    }

    /// Ends the streams of those who watch, which would keep the server from ending.
    pub async fn end(mut self) {
        for name in ENCODERS.into_iter().chain([INDEX, WHOLE]) {
            self.reporter.clear_service_status(name).await;
        }
    }

    async fn set(&self, state: State) {
        self.state.send_replace(state);
        for encoder in ENCODERS {
            self.reporter.set_service_status(encoder, serving(state.encoder)).await;
        }
        self.reporter.set_service_status(INDEX, serving(state.ready())).await;
        self.reporter.set_service_status(WHOLE, serving(state.ready())).await;
    }
}

fn serving(yes: bool) -> ServingStatus {
    if yes { ServingStatus::Serving } else { ServingStatus::NotServing }
}
