//! Default pruning of vectors, for requests that don't set it.

use crate::model::Model;
use crate::types::{Pruning, Role};

/// Default pruning of vectors per role of the text.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PruningDefaults {
    pub document: RolePruningDefaults,
    pub query: RolePruningDefaults,
}

/// Default pruning of the vectors of one role.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RolePruningDefaults {
    /// Maximum number of terms; 0 = unlimited, `None` = the maximum in the model's files.
    pub max_terms: Option<usize>,
    pub min_weight: f32,
    pub weight_share: Option<f32>,
}

impl PruningDefaults {
    /// Returns the default pruning of a model's vectors of a role.
    pub fn resolve(&self, role: Role, model: &Model) -> Pruning {
        let RolePruningDefaults { max_terms, min_weight, weight_share } = match role {
            Role::Document => self.document,
            Role::Query => self.query,
        };
        let max_terms = max_terms.map_or(model.max_terms, |terms| (terms > 0).then_some(terms));
        Pruning { max_terms, min_weight, weight_share }
    }
}
