//! Descriptions of models.

use super::count::to_count;
use crate::model::{Model, Pooling, TermActivation};
use crate::proto;
use crate::types::Role;

impl From<&Model> for proto::Model {
    fn from(model: &Model) -> Self {
        let settings = &model.settings;
        let max_length = |role| to_count(model.max_length(role).unwrap_or_default());
        Self {
            name: model.name.clone(),
            architecture: settings.class_name().to_owned(),
            vocabulary_size: to_count(settings.vocabulary_size),
            max_length: max_length(Role::Document),
            query_max_length: max_length(Role::Query),
            max_terms: to_count(model.max_terms.unwrap_or_default()),
            document_prompt: model.role_encoder(Role::Document).tokenizer.prompt().to_owned(),
            earlier_fingerprint: model.legacy_fingerprint().map(ToString::to_string).unwrap_or_default(),
            query_prompt: model.role_encoder(Role::Query).tokenizer.prompt().to_owned(),
            dtype: model.dtype.to_string(),
            fingerprint: model.fingerprint.to_string(),
            pooling: match settings.pooling {
                Pooling::Max => "max",
                Pooling::Sum => "sum",
            }
            .to_owned(),
            activation: match settings.activation {
                TermActivation::Relu => "relu",
                TermActivation::Log1pRelu => "log1p_relu",
            }
            .to_owned(),
        }
    }
}
