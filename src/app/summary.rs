//! A model as operators see it, wherever they look.

use serde::Serialize;

use crate::model::Model;

/// A model that is ready.
#[derive(Debug, Clone, Serialize)]
pub struct ModelSummary {
    pub name: String,
    pub architecture: String,
    pub dtype: String,
    pub device: &'static str,
    /// The most tokens of a text that are encoded.
    pub max_length: usize,
    pub fingerprint: String,
}

impl From<&Model> for ModelSummary {
    fn from(model: &Model) -> Self {
        Self {
            name: model.name.clone(),
            architecture: model.settings.architecture.clone(),
            dtype: model.precision.to_string(),
            device: model.device,
            max_length: model.settings.max_length,
            fingerprint: model.fingerprint.to_string(),
        }
    }
}
