//! Sparse vectors and model descriptions, for clients.

use super::encoding::{to_count, to_stats};
use crate::model::{Model, Pooling, TermActivation};
use crate::pipeline::Encoded;
use crate::proto;
use crate::types::{Role, SparseVector};

pub fn to_sparse_vector(vector: SparseVector) -> proto::SparseVector {
    let (indices, values) = vector.into_parts();
    proto::SparseVector { indices, values }
}

/// An encoded text, with each index's token if `tokens_of` is given.
pub fn to_encoded_text(encoded: Encoded, tokens_of: Option<&Model>) -> proto::EncodedText {
    let stats = to_stats(&encoded);
    let vector = encoded.vector;
    let tokens_of = tokens_of.into_iter().flat_map(|model| vector.indices().iter().map(|&index| token(model, index)));
    let tokens_of = tokens_of.collect();
    proto::EncodedText { vector: Some(to_sparse_vector(vector)), tokens: tokens_of, stats: Some(stats) }
}

/// The vocabulary's token for an index; empty for one that no token has.
pub fn token(model: &Model, index: u32) -> String {
    model.document.tokenizer.token(index).unwrap_or_default()
}

pub fn to_model(model: &Model) -> proto::Model {
    let settings = &model.settings;
    let length = |role| to_count(model.max_length(role).unwrap_or_default());
    proto::Model {
        name: model.name.clone(),
        architecture: settings.class_name().to_owned(),
        vocabulary_size: to_count(settings.vocabulary_size),
        max_length: length(Role::Document),
        query_max_length: length(Role::Query),
        max_terms: to_count(model.max_terms.unwrap_or_default()),
        document_prompt: model.side(Role::Document).tokenizer.prompt().to_owned(),
        earlier_fingerprint: model.earlier_fingerprint().map(ToString::to_string).unwrap_or_default(),
        query_prompt: model.side(Role::Query).tokenizer.prompt().to_owned(),
        dtype: model.precision.to_string(),
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
