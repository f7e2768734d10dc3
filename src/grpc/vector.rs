//! Sparse vectors and model descriptions, for clients.

use crate::model::{Model, Pooling, TermActivation};
use crate::pipeline::Encoded;
use crate::proto;
use crate::types::SparseVector;
use crate::version::{REVISION, VERSION};

pub fn to_sparse_vector(vector: SparseVector) -> proto::SparseVector {
    let (indices, values) = vector.into_parts();
    proto::SparseVector { indices, values }
}

/// An encoded text, with each index's token if `tokens_of` is given.
pub fn to_encoded_text(encoded: Encoded, tokens_of: Option<&Model>) -> proto::EncodedText {
    let Encoded { vector, tokens, windows, truncated, pruned, took: _ } = encoded;
    let tokens_of = tokens_of.into_iter().flat_map(|model| vector.indices().iter().map(|&index| token(model, index)));
    let tokens_of = tokens_of.collect();
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    proto::EncodedText {
        vector: Some(to_sparse_vector(vector)),
        tokens: tokens_of,
        token_count: count(tokens),
        window_count: count(windows),
        truncated,
        pruned_term_count: count(pruned.terms),
        pruned_weight: pruned.weight,
    }
}

/// The vocabulary's token for an index; empty for one that no token has.
pub fn token(model: &Model, index: u32) -> String {
    model.document.tokenizer.token(index).unwrap_or_default()
}

/// What this process was built from.
pub fn this_build() -> proto::ServerBuild {
    proto::ServerBuild { version: VERSION.to_owned(), revision: REVISION.to_owned() }
}

pub fn to_model(model: &Model) -> proto::Model {
    let settings = &model.settings;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    proto::Model {
        name: model.name.clone(),
        architecture: settings.architecture.clone(),
        vocabulary_size: count(settings.vocabulary_size),
        max_length: count(settings.max_length),
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
