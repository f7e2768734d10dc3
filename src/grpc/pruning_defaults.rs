//! Pruning of vectors where a request doesn't say.

use crate::model::Model;
use crate::types::{Pruning, Role};

/// How vectors are pruned where a request doesn't say, by the text's role.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PruningDefaults {
    pub document: RolePruningDefaults,
    pub query: RolePruningDefaults,
}

/// How vectors of one role are pruned.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RolePruningDefaults {
    /// Maximum number of terms, 0 for no limit; `None`: as many as the model's files say.
    pub max_terms: Option<usize>,
    pub min_weight: f32,
    pub weight_share: Option<f32>,
}

impl PruningDefaults {
    /// Returns how a model's vectors of a role are pruned.
    pub fn resolve(&self, role: Role, model: &Model) -> Pruning {
        let RolePruningDefaults { max_terms, min_weight, weight_share } = match role {
            Role::Document => self.document,
            Role::Query => self.query,
        };
        let max_terms = max_terms.map_or(model.max_terms, |terms| (terms > 0).then_some(terms));
        Pruning { max_terms, min_weight, weight_share }
    }
}
