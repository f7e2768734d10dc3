//! How tests see what becomes of a text.

use super::encoded_vector::EncodedVector;
use crate::types::ApiError;

/// Stands in for the step after the encoder.
pub trait Probe: Send {
    /// Whether nobody waits for the vector any more.
    fn is_abandoned(&self) -> bool;

    /// Takes the text and its vector, or the reason why there is none.
    fn complete(self: Box<Self>, text: String, outcome: Result<EncodedVector, ApiError>);
}
