//! Components of a server: models, store and pipeline.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::task::spawn_blocking;

use crate::config::{Config, ModelConfig, StoreConfig};
use crate::model::hub::{HubConfig, locate};
use crate::model::{Backend, Model, Models, check_settings};
use crate::pipeline::{Pipeline, PipelineTasks};
#[cfg(feature = "embedded")]
use crate::store::{EdgeOptions, EdgeStore};
use crate::store::{QdrantStore, VectorStore};
use crate::types::Role;

/// Models, store and running pipeline, which the services use.
pub struct ServerComponents {
    pub models: Models,
    pub store: Arc<dyn VectorStore>,
    pub pipeline: Pipeline,
    pub running_pipeline: PipelineTasks,
}

impl ServerComponents {
    /// Loads the models, opens the store and starts the pipeline.
    ///
    /// # Errors
    /// If a model can't be loaded, the store can't be opened, or the encoder threads can't be started.
    pub async fn prepare(config: &Config) -> anyhow::Result<Self> {
        let Config { models, device, dtype, .. } = config.clone();
        let load = spawn_blocking(move || {
            let backend = Backend::open(device, dtype)?;
            models.iter().map(|model| load_model(model, &backend)).collect::<anyhow::Result<Vec<_>>>()
        });
        // Concurrently, because both can take seconds.
        let (models, store) = tokio::join!(load, open_store(config.store.clone()));
        let (mut models, store) = (models??.into_iter(), store?);
        let default = models.next().context("no model is configured")?;
        let (pipeline, running_pipeline) =
            Pipeline::start(config.pipeline, Arc::clone(&store) as _).context("failed to start the encoder threads")?;
        Ok(Self { models: Models::new(default, models), store, pipeline, running_pipeline })
    }
}

/// Returns the directory of a model's files; downloads missing files of a Hub model. Blocks.
///
/// # Errors
/// If files are missing, can't be downloaded or have unsupported settings.
pub fn locate_model(config: &ModelConfig) -> anyhow::Result<PathBuf> {
    let hub = HubConfig::from_env(|name| std::env::var(name).ok());
    Ok(locate(&config.source, &hub, check_settings, || ())?)
}

/// Loads a model and warms it up. Blocks.
///
/// # Errors
/// If its files are missing, invalid or unsupported.
pub fn load_model(config: &ModelConfig, backend: &Backend) -> anyhow::Result<Model> {
    let model_dir = locate_model(config)?;
    let model = Model::load(&config.name, &model_dir, backend)?;
    model.warm_up()?;
    tracing::info!(
        name = model.name,
        architecture = model.settings.class_name(),
        max_length = model.max_length(Role::Document),
        fingerprint = %model.fingerprint,
        "model loaded"
    );
    Ok(model)
}

/// Opens the store of a configuration.
///
/// # Errors
/// If the directory of an embedded store can't be opened, or the client of a Qdrant server can't be created.
pub async fn open_store(config: StoreConfig) -> anyhow::Result<Arc<dyn VectorStore>> {
    Ok(match config {
        #[cfg(not(feature = "embedded"))]
        StoreConfig::Embedded(_) => {
            anyhow::bail!(crate::features::describe_missing_feature("the embedded store", "embedded"))
        }
        #[cfg(feature = "embedded")]
        StoreConfig::Embedded(store_dir) => {
            let open = move || EdgeStore::open(&store_dir, EdgeOptions::default());
            Arc::new(spawn_blocking(open).await?.context("--store-dir: failed to open the store")?)
        }
        StoreConfig::Qdrant(config) => Arc::new(QdrantStore::new(config)?),
    })
}
