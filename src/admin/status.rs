//! `/status.json`: what the page shows besides metrics.

use serde::Serialize;

use super::model_summary::ModelSummary;
use super::observed::Observed;
use super::recent_errors::{RecentError, recent_errors};
use crate::version::{REVISION, VERSION};

/// The server as it is now.
#[derive(Debug, Serialize)]
pub struct Status {
    version: &'static str,
    revision: &'static str,
    /// Whether every call is taken.
    ready: bool,
    stopping: bool,
    uptime_seconds: u64,
    store: Store,
    models: Vec<ModelStatus>,
    encoder_threads: usize,
    /// The last warnings and errors, the newest first.
    errors: Vec<RecentError>,
}

#[derive(Debug, Serialize)]
struct Store {
    kind: &'static str,
    up: bool,
}

#[derive(Debug, Serialize)]
struct ModelStatus {
    #[serde(flatten)]
    model: ModelSummary,
    /// Whether it is the one that a request gets that names no model.
    default: bool,
}

impl Status {
    pub fn of(observed: &Observed) -> Self {
        let state = observed.health.state();
        let shared = observed.gate.peek();
        let models = shared.iter().flat_map(|shared| {
            let default = shared.models.default_name();
            shared
                .models
                .iter()
                .map(move |model| ModelStatus { model: ModelSummary::from(&**model), default: model.name == default })
        });
        Self {
            version: VERSION,
            revision: REVISION,
            ready: state.ready(),
            stopping: shared.as_ref().is_some_and(|shared| shared.stopping.is_cancelled()),
            uptime_seconds: observed.since.elapsed().as_secs(),
            store: Store { kind: observed.store, up: state.store },
            models: models.collect(),
            encoder_threads: shared.as_ref().map_or(0, |shared| shared.pipeline.encoder_threads()),
            errors: recent_errors(),
        }
    }
}
