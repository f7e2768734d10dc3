//! The models that one process serves.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Model;
use crate::types::{Fault, Reason};

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
    pub fn get(&self, name: &str) -> Result<Arc<Model>, Fault> {
        if name.is_empty() {
            return Ok(Arc::clone(&self.default));
        }
        self.by_name.get(name).cloned().ok_or_else(|| {
            let names = self.by_name.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
            Fault::new(Reason::UnknownModel, "model", format!("there is no model `{name}`; there is `{names}`"))
        })
    }

    pub fn default_name(&self) -> &str {
        &self.default.name
    }

    /// All models, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.by_name.values()
    }
}
