//! Summary of a model for operators: in metrics, on the status page and in the output of `check`.

use serde::Serialize;

use crate::model::Model;
use crate::types::Role;

/// Summary of a loaded model.
#[derive(Debug, Clone, Serialize)]
pub struct ModelSummary {
    pub name: String,
    pub architecture: String,
    pub dtype: String,
    pub device: &'static str,
    /// Maximum number of tokens per document; longer texts are truncated or split into windows.
    pub max_length: usize,
    pub fingerprint: String,
}

impl From<&Model> for ModelSummary {
    fn from(model: &Model) -> Self {
        Self {
            name: model.name.clone(),
            architecture: model.settings.class_name().to_owned(),
            dtype: model.dtype.to_string(),
            device: model.device,
            max_length: model.max_length(Role::Document).unwrap_or_default(),
            fingerprint: model.fingerprint.to_string(),
        }
    }
}
