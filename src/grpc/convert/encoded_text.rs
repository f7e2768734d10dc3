//! Encoded texts in responses.

use crate::model::Model;
use crate::pipeline::EncodedVector;
use crate::proto;

/// Converts an encoded text. With `vocabulary_model`, the result includes the token of each term.
pub fn to_encoded_text(encoded: EncodedVector, vocabulary_model: Option<&Model>) -> proto::EncodedText {
    let stats = Some((&encoded).into());
    let vector = encoded.vector;
    let vocabulary_model = vocabulary_model.into_iter();
    let tokens =
        vocabulary_model.flat_map(|model| vector.indices().iter().map(|&index| find_token(model, index))).collect();
    proto::EncodedText { vector: Some(vector.into()), tokens, stats }
}

/// Returns the token of a vocabulary index; empty if the index has no token.
pub fn find_token(model: &Model, index: u32) -> String {
    model.document.tokenizer.id_to_token(index).unwrap_or_default()
}
