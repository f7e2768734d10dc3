//! Contents of `/status.json`, which the status page shows in addition to the metrics.

use serde::Serialize;

use super::admin_state::AdminState;
use super::model_summary::ModelSummary;
use super::recent_errors::{RecentError, recent_errors};
use crate::version::{REVISION, VERSION};

/// Current status of the server.
#[derive(Debug, Serialize)]
pub struct Status {
    version: &'static str,
    revision: &'static str,
    /// Set if all services accept calls.
    ready: bool,
    stopping: bool,
    uptime_seconds: u64,
    store: StoreStatus,
    models: Vec<ModelStatus>,
    encoder_threads: usize,
    /// Most recent warnings and errors, newest first.
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
    /// Set on the model used for requests that don't name one.
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
