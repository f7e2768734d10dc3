//! The models that one process serves.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{FingerprintMatch, Model};
use crate::types::{ApiError, ErrorReason, Fingerprint};

/// Models by name; one of them is used where a request names none.
#[derive(Debug, Clone)]
pub struct Models {
    by_name: BTreeMap<String, Arc<Model>>,
    default: Arc<Model>,
}

impl Models {
    /// The first is the default. Their names differ.
    pub fn new(default: Model, others: impl IntoIterator<Item = Model>) -> Self {
        let default = Arc::new(default);
        let others = others.into_iter().map(Arc::new);
        let all = std::iter::once(Arc::clone(&default)).chain(others);
        Self { by_name: all.map(|model| (model.name.clone(), model)).collect(), default }
    }

    /// The model of that name; the default one for an empty name.
    ///
    /// # Errors
    /// If there is none: the names that there are.
    pub fn get(&self, name: &str) -> Result<Arc<Model>, ApiError> {
        if name.is_empty() {
            return Ok(Arc::clone(&self.default));
        }
        self.by_name.get(name).cloned().ok_or_else(|| {
            let names = self.by_name.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
            ApiError::new(ErrorReason::UnknownModel, "model", format!("there is no model `{name}`; there is `{names}`"))
        })
    }

    /// The model of that name; for an empty name the one that wrote a collection, or, if it is not here, the default one.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn select(&self, name: &str, collection_fingerprint: Option<&Fingerprint>) -> Result<Arc<Model>, ApiError> {
        // A model whose settings earlier builds ignored is chosen, too: the caller then says which they are.
        let matches_collection = |model: &&Arc<Model>| {
            collection_fingerprint
                .is_some_and(|fingerprint| !matches!(model.compare_fingerprint(fingerprint), FingerprintMatch::Other))
        };
        // The default first: two models may be the same but for their names.
        let mut candidates = std::iter::once(&self.default).chain(self.by_name.values());
        match candidates.find(matches_collection) {
            Some(model) if name.is_empty() => Ok(Arc::clone(model)),
            _ => self.get(name),
        }
    }

    pub fn default_name(&self) -> &str {
        &self.default.name
    }

    /// All models, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.by_name.values()
    }
}
