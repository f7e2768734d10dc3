//! `/status.json`: what the page shows besides metrics.

use serde::Serialize;

use super::admin_state::AdminState;
use super::model_summary::ModelSummary;
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
    store: StoreStatus,
    models: Vec<ModelStatus>,
    encoder_threads: usize,
    /// The last warnings and errors, the newest first.
    errors: Vec<RecentError>,
}

#[derive(Debug, Serialize)]
struct StoreStatus {
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
    pub fn from_admin_state(admin: &AdminState) -> Self {
        let state = admin.health.state();
        let context = admin.readiness.context();
        let models = context.iter().flat_map(|context| {
            let default_name = context.models.default_name();
            context.models.iter().map(move |model| ModelStatus {
                model: ModelSummary::from(&**model),
                default: model.name == default_name,
            })
        });
        Self {
            version: VERSION,
            revision: REVISION,
            ready: state.is_ready(),
            stopping: context.as_ref().is_some_and(|context| context.stopping.is_cancelled()),
            uptime_seconds: admin.started_at.elapsed().as_secs(),
            store: StoreStatus { kind: admin.store_kind, up: state.is_store_ready },
            models: models.collect(),
            encoder_threads: context.as_ref().map_or(0, |context| context.pipeline.encoder_threads()),
            errors: recent_errors(),
        }
    }
}
