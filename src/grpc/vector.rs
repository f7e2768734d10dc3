//! Sparse vectors and model descriptions, for clients.

use super::encoding::{to_count, to_stats};
use crate::model::{Model, Pooling, TermActivation};
use crate::pipeline::Encoded;
use crate::proto;
use crate::types::SparseVector;

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
    proto::Model {
        name: model.name.clone(),
        architecture: settings.architecture.clone(),
        vocabulary_size: to_count(settings.vocabulary_size),
        max_length: to_count(settings.max_length),
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
