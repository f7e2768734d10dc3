//! All models of a process.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{FingerprintMatch, Model};
use crate::types::{ApiError, ErrorReason, Fingerprint};

/// Models by name, with a default for requests without a model name.
#[derive(Debug, Clone)]
pub struct Models {
    by_name: BTreeMap<String, Arc<Model>>,
    default: Arc<Model>,
}

impl Models {
    /// Creates the set; model names must be unique.
    pub fn new(default: Model, others: impl IntoIterator<Item = Model>) -> Self {
        let default = Arc::new(default);
        let others = others.into_iter().map(Arc::new);
        // The default is listed by name too, so that clients can discover it.
        let all = std::iter::once(Arc::clone(&default)).chain(others);
        Self { by_name: all.map(|model| (model.name.clone(), model)).collect(), default }
    }

    /// Returns the model with a name; the default model for an empty name.
    ///
    /// # Errors
    /// [`ErrorReason::UnknownModel`] with the available names if there is no such model.
    pub fn get(&self, name: &str) -> Result<Arc<Model>, ApiError> {
        if name.is_empty() {
            return Ok(Arc::clone(&self.default));
        }
        self.by_name.get(name).cloned().ok_or_else(|| {
            let names = self.by_name.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
            ApiError::new(
                ErrorReason::UnknownModel,
                "model",
                format!("unknown model `{name}`; expected one of `{names}`"),
            )
        })
    }

    /// Returns the model with a name; for an empty name the model that wrote the collection, or the default if that is
    /// not loaded.
    ///
    /// # Errors
    /// Errors of [`Self::get`].
    pub fn select(&self, name: &str, collection_fingerprint: Option<&Fingerprint>) -> Result<Arc<Model>, ApiError> {
        // Also matches a model with keys that earlier builds ignored: the caller then reports those keys.
        let matches_collection = |model: &&Arc<Model>| {
            collection_fingerprint
                .is_some_and(|fingerprint| !matches!(model.compare_fingerprint(fingerprint), FingerprintMatch::Other))
        };
        // The default comes first, because two models may differ in their names only.
        let mut candidates = std::iter::once(&self.default).chain(self.by_name.values());
        match candidates.find(matches_collection) {
            Some(model) if name.is_empty() => Ok(Arc::clone(model)),
            _ => self.get(name),
        }
    }

    pub fn default_name(&self) -> &str {
        &self.default.name
    }

    /// Iterates over all models, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.by_name.values()
    }
}
