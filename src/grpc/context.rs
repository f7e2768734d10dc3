//! What the services share.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::{PruningDefaults, RequestLimits};
use crate::catalog::Collections;
use crate::model::Models;
use crate::pipeline::Pipeline;
use crate::store::{CollectionCatalog, PointReader};

/// What every service works with: models, pipeline, store, and the limits and defaults that flags set.
#[derive(Debug, Clone)]
pub struct ServiceContext {
    pub models: Models,
    pub pipeline: Pipeline,
    pub store: Arc<dyn PointReader>,
    /// For aliases; everything else asks `collections`.
    pub catalog: Arc<dyn CollectionCatalog>,
    pub collections: Arc<Collections>,
    pub limits: RequestLimits,
    /// One permit for each stream that may be open.
    pub stream_permits: Arc<Semaphore>,
    pub pruning_defaults: PruningDefaults,
    /// Cancelled when the server begins to stop.
    pub stopping: CancellationToken,
}
