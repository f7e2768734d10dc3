//! State that all services share.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{PruningDefaults, RequestLimits};
use crate::catalog::Collections;
use crate::model::Models;
use crate::pipeline::Pipeline;
use crate::store::{CollectionCatalog, PointReader};

/// Dependencies of the services: models, pipeline and store, and the limits and defaults that flags set.
#[derive(Debug, Clone)]
pub struct ServiceContext {
    pub models: Models,
    pub pipeline: Pipeline,
    pub store: Arc<dyn PointReader>,
    /// Catalog of the store, used for aliases only; other lookups go through `collections`, which caches them.
    pub catalog: Arc<dyn CollectionCatalog>,
    pub collections: Arc<Collections>,
    pub limits: RequestLimits,
    /// Semaphore with one permit per stream that may be open.
    pub stream_permits: Arc<Semaphore>,
    pub pruning_defaults: PruningDefaults,
    /// Cancelled when the server begins to stop.
    pub stopping: CancellationToken,
}
