//! Encoded texts.

use crate::model::Model;
use crate::pipeline::Encoded;
use crate::proto;

/// Converts an encoded text, with each index's token if `tokens_of` is given.
pub fn to_encoded_text(encoded: Encoded, tokens_of: Option<&Model>) -> proto::EncodedText {
    let stats = Some((&encoded).into());
    let vector = encoded.vector;
    let tokens_of = tokens_of.into_iter();
    let tokens = tokens_of.flat_map(|model| vector.indices().iter().map(|&index| to_token(model, index))).collect();
    proto::EncodedText { vector: Some(vector.into()), tokens, stats }
}

/// Returns the vocabulary's token for an index; empty for one that no token has.
pub fn to_token(model: &Model, index: u32) -> String {
    model.document.tokenizer.token(index).unwrap_or_default()
}
