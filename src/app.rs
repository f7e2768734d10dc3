//! Wiring, and nothing else: configuration → parts → serve → drain.

mod check;
mod health;
mod incoming;
mod listen;
mod metrics_page;
#[cfg(not(feature = "otlp"))]
mod no_traces;
mod problems;
mod reload;
mod summary;
mod telemetry;
mod tls;
#[cfg(feature = "otlp")]
mod traces;
mod unix_socket;
#[cfg(feature = "verify")]
mod verify;
#[cfg(feature = "http")]
mod web;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

pub use check::{Findings, Found, check};
pub use summary::ModelSummary;
pub use telemetry::init as init_telemetry;
#[cfg(feature = "verify")]
pub use verify::{ComparisonSummary, VerifyReport};

use crate::catalog::Collections;
use crate::config::{Config, ModelConfig, StoreConfig};
use crate::grpc::{Gate, ServiceContext};
use crate::model::hub::{HubConfig, locate};
use crate::model::{Backend, Model, Models, check_settings};
use crate::pipeline::{Pipeline, Running};
#[cfg(feature = "embedded")]
use crate::store::{EdgeOptions, EdgeStore};
use crate::store::{QdrantStore, VectorStore};
use health::Health;
use listen::{Listeners, Serving};

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
    serving: Serving,
    stopping: CancellationToken,
}

impl Server {
    /// Binds the addresses and begins to listen.
    ///
    /// # Errors
    /// If an address can't be had: which, and the flag to change it.
    pub async fn bind(config: Config) -> anyhow::Result<Self> {
        let metrics = telemetry::install_metrics()?;
        let stopping = CancellationToken::new();
        let gate = Gate::new(stopping.clone());
        let health = Health::new();
        let listeners = Listeners::bind(&config).await?;
        let serving = listeners.serve(&config, gate.clone(), &health, metrics).await?;
        tracing::info!(grpc = %serving.grpc, metrics = ?serving.metrics, http = ?serving.http, "listening");
        Ok(Self { config, gate, health, serving, stopping })
    }

    /// Where gRPC is served.
    pub fn address(&self) -> SocketAddr {
        self.serving.grpc
    }

    /// Where metrics are served.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.serving.metrics
    }

    /// Where JSON is served over HTTP.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.serving.http
    }

    /// Gets the parts ready, serves until `stop`, and drains.
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
            store: Arc::clone(&store),
            collections: Arc::new(Collections::new(Arc::clone(&store))),
            limits: self.config.requests,
            streams: Arc::new(Semaphore::new(self.config.requests.streams)),
            pruning: self.config.pruning,
            stopping: self.stopping.clone(),
        });
        let watch = tokio::spawn(self.health.clone().watch(Arc::clone(&store), self.stopping.clone()));
        stop.await;
        tracing::info!(deadline = ?self.config.drain_deadline, "stopping: finishing what was read");
        self.stopping.cancel();
        let deadline = self.config.drain_deadline;
        let Self { gate, health, serving, .. } = self;
        let drain = async {
            let _watched = watch.await;
            gate.drained().await;
            health.end().await;
            serving.end(deadline).await;
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

/// What the services need.
struct Parts {
    models: Models,
    store: Arc<dyn VectorStore>,
    pipeline: Pipeline,
    running: Running,
}

impl Parts {
    async fn prepare(config: &Config) -> anyhow::Result<Self> {
        let Config { models, device, precision, .. } = config.clone();
        let load = spawn_blocking(move || {
            let backend = Backend::open(device, precision)?;
            models.iter().map(|model| load(model, &backend)).collect::<anyhow::Result<Vec<_>>>()
        });
        let (models, store) = tokio::join!(load, open_store(config.store.clone()));
        let (mut models, store) = (models??.into_iter(), store?);
        let default = models.next().context("no model is configured")?;
        let (pipeline, running) =
            Pipeline::start(config.pipeline, Arc::clone(&store)).context("the encoder threads can't be started")?;
        Ok(Self { models: Models::new(default, models), store, pipeline, running })
    }
}

/// Finds a model's files, and fetches what is missing of a hub model. Blocks.
fn locate_files(config: &ModelConfig) -> anyhow::Result<PathBuf> {
    let hub = HubConfig::from_env(|name| std::env::var(name).ok());
    Ok(locate(&config.source, &hub, check_settings, || ())?)
}

/// Gets one model ready. Blocks.
fn load(config: &ModelConfig, backend: &Backend) -> anyhow::Result<Model> {
    let folder = locate_files(config)?;
    let model = Model::load(&config.name, &folder, backend)?;
    model.warm_up()?;
    tracing::info!(
        name = model.name,
        architecture = model.settings.class_name(),
        max_length = model.max_length(crate::types::Role::Document),
        fingerprint = %model.fingerprint,
        "a model is ready"
    );
    Ok(model)
}

async fn open_store(config: StoreConfig) -> anyhow::Result<Arc<dyn VectorStore>> {
    Ok(match config {
        #[cfg(not(feature = "embedded"))]
        StoreConfig::Embedded(_) => anyhow::bail!(crate::features::missing("the embedded store", "embedded")),
        #[cfg(feature = "embedded")]
        StoreConfig::Embedded(folder) => {
            let open = move || EdgeStore::open(&folder, EdgeOptions::default());
            Arc::new(spawn_blocking(open).await?.context("--store-dir can't be opened")?)
        }
        StoreConfig::Qdrant(config) => Arc::new(QdrantStore::new(config)?),
    })
}
