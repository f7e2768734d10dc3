//! The life of a server: bind, prepare the parts, serve, drain.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::metrics_recorder;
use super::parts::Parts;
use super::serve::serve;
use crate::catalog::Collections;
use crate::config::Config;
use crate::grpc::health::Health;
use crate::grpc::{Gate, ServiceContext};
use crate::pipeline::Running;
use crate::server::{Addresses, Listeners, Servers};
use crate::store::VectorStore;

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every document that was read has its result, and the store is closed.
    Drained,
    /// The drain deadline passed before that.
    DeadlinePassed,
}

/// A server that listens. Until the models and the store are ready, its health is NOT_SERVING and it refuses calls.
#[derive(Debug)]
pub struct Server {
    config: Config,
    gate: Gate,
    health: Health,
    addresses: Addresses,
    servers: Servers,
    stopping: CancellationToken,
}

impl Server {
    /// Binds the addresses and begins to listen.
    ///
    /// # Errors
    /// If an address can't be had: which, and the flag to change it.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let metrics = metrics_recorder::install()?;
        let stopping = CancellationToken::new();
        let gate = Gate::new(stopping.clone());
        let health = Health::default();
        let listeners = Listeners::bind(&config).await?;
        let addresses = listeners.addresses().context("a socket has no address")?;
        let servers = serve(listeners, &config, gate.clone(), &health, metrics).await?;
        tracing::info!(grpc = %addresses.grpc, metrics = ?addresses.metrics, http = ?addresses.http, "listening");
        Ok(Self { config, gate, health, addresses, servers, stopping })
    }

    /// Returns the address of the gRPC API.
    pub fn address(&self) -> SocketAddr {
        self.addresses.grpc
    }

    /// Returns the address of the metrics.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.addresses.metrics
    }

    /// Returns the address of the HTTP gateway.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.addresses.http
    }

    /// Prepares the parts, serves until `stop`, and drains.
    ///
    /// # Errors
    /// If a model or the store can't be made ready.
    pub async fn run(self, stop: impl Future<Output = ()>) -> anyhow::Result<Ended> {
        tokio::pin!(stop);
        let parts = tokio::select! {
            parts = Parts::prepare(&self.config) => parts?,
            () = &mut stop => return Ok(Ended::Drained),
        };
        let Parts { models, store, pipeline, running } = parts;
        self.gate.open(ServiceContext {
            models,
            pipeline,
            store: Arc::clone(&store) as _,
            catalog: Arc::clone(&store) as _,
            collections: Arc::new(Collections::new(Arc::clone(&store) as _)),
            limits: self.config.requests,
            streams: Arc::new(Semaphore::new(self.config.requests.streams)),
            pruning: self.config.pruning,
            stopping: self.stopping.clone(),
        });
        let watch = tokio::spawn(self.health.clone().watch(Arc::clone(&store), self.stopping.clone()));
        stop.await;
        self.drain(watch, running, store).await
    }

    /// Takes no more calls, finishes what was read and closes the store, until the drain deadline.
    async fn drain(
        self,
        health_watch: JoinHandle<()>,
        running: Running,
        store: Arc<dyn VectorStore>,
    ) -> anyhow::Result<Ended> {
        let deadline = self.config.drain_deadline;
        tracing::info!(?deadline, "stopping: finishing what was read");
        self.stopping.cancel();
        let Self { gate, health, servers, .. } = self;
        let drain = async {
            let _watched = health_watch.await;
            gate.drained().await;
            health.end().await;
            servers.end(deadline).await;
            // The last handle to the pipeline: its threads end when they have finished what they hold.
            gate.close();
            running.drained().await;
            store.close().await
        };
        match timeout(deadline, drain).await {
            Ok(closed) => {
                closed?;
                tracing::info!("stopped");
                Ok(Ended::Drained)
            }
            Err(_) => {
                tracing::error!("the drain deadline passed; clients must send again what has no result");
                Ok(Ended::DeadlinePassed)
            }
        }
    }
}
