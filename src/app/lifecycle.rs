//! Lifecycle of a server: bind, prepare the components, serve, drain.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::components::ServerComponents;
use super::metrics_recorder;
use super::serve::serve;
use crate::catalog::Collections;
use crate::config::Config;
use crate::grpc::health::HealthMonitor;
use crate::grpc::{Readiness, ServiceContext};
use crate::pipeline::PipelineTasks;
use crate::server::{ListenAddresses, Listeners, Servers};
use crate::store::VectorStore;

/// Outcome of a server's shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShutdownOutcome {
    /// All received documents have a result, and the store is closed.
    Drained,
    /// The drain deadline passed before the drain was complete.
    DeadlinePassed,
}

/// A listening server. Until the models and the store are ready, its health is NOT_SERVING and it refuses calls.
#[derive(Debug)]
pub struct Server {
    config: Config,
    readiness: Readiness,
    health: HealthMonitor,
    addresses: ListenAddresses,
    servers: Servers,
    stopping: CancellationToken,
}

impl Server {
    /// Binds the addresses and starts listening.
    ///
    /// # Errors
    /// If an address can't be bound, or a certificate, key or token file is invalid. The error names the flag.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let metrics = metrics_recorder::install()?;
        let stopping = CancellationToken::new();
        let readiness = Readiness::new(stopping.clone());
        let health = HealthMonitor::default();
        let listeners = Listeners::bind(&config).await?;
        let addresses = listeners.addresses().context("failed to read the address of a bound socket")?;
        let servers = serve(listeners, &config, readiness.clone(), &health, metrics).await?;
        tracing::info!(grpc = %addresses.grpc, metrics = ?addresses.metrics, http = ?addresses.http, "listening");
        Ok(Self { config, readiness, health, addresses, servers, stopping })
    }

    /// Returns the address of the gRPC API.
    pub fn grpc_address(&self) -> SocketAddr {
        self.addresses.grpc
    }

    /// Returns the address of the admin server with metrics and status page, if enabled.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.addresses.metrics
    }

    /// Returns the address of the HTTP gateway, if enabled.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.addresses.http
    }

    /// Prepares the components, serves until `stop` completes, and drains.
    ///
    /// # Errors
    /// If a model can't be loaded, the store can't be opened, or closing the store fails.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<ShutdownOutcome> {
        tokio::pin!(stop);
        let components = tokio::select! {
            components = ServerComponents::prepare(&self.config) => components?,
            // No call has been accepted yet, so there is nothing to drain.
            () = &mut stop => return Ok(ShutdownOutcome::Drained),
        };
        let ServerComponents { models, store, pipeline, running_pipeline } = components;
        self.readiness.set_ready(ServiceContext {
            models,
            pipeline,
            store: Arc::clone(&store) as _,
            catalog: Arc::clone(&store) as _,
            collections: Arc::new(Collections::new(Arc::clone(&store) as _)),
            limits: self.config.request_limits,
            stream_permits: Arc::new(Semaphore::new(self.config.request_limits.max_streams)),
            pruning_defaults: self.config.pruning,
            stopping: self.stopping.clone(),
        });
        let health_watch = tokio::spawn(self.health.clone().watch_store(Arc::clone(&store), self.stopping.clone()));
        stop.await;
        self.drain(health_watch, running_pipeline, store).await
    }

    /// Rejects new calls, finishes received documents and closes the store, within the drain deadline.
    async fn drain(
        self,
        health_watch: JoinHandle<()>,
        running_pipeline: PipelineTasks,
        store: Arc<dyn VectorStore>,
    ) -> anyhow::Result<ShutdownOutcome> {
        let deadline = self.config.drain_deadline;
        tracing::info!(?deadline, "stopping; finishing received documents");
        self.stopping.cancel();
        let Self { readiness, health, servers, .. } = self;
        // From the network inwards: calls, connections, pipeline, store. Each stage may still need the later ones.
        let drain = async {
            let _watched = health_watch.await;
            readiness.drain().await;
            health.end_watches().await;
            servers.shut_down(deadline).await;
            // Drops the last handle to the pipeline; its threads end when they have finished their queued work.
            readiness.release_context();
            running_pipeline.wait_drained().await;
            store.close().await
        };
        match timeout(deadline, drain).await {
            Ok(close_result) => {
                close_result?;
                tracing::info!("stopped");
                Ok(ShutdownOutcome::Drained)
            }
            Err(_) => {
                tracing::error!("drain deadline passed; clients must resend documents without a result");
                Ok(ShutdownOutcome::DeadlinePassed)
            }
        }
    }
}
