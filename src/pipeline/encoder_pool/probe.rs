//! Test hook for the results of encoder threads.

use super::encoded_vector::EncodedVector;
use crate::types::ApiError;

/// Test double for the stage after the encoder.
pub trait Probe: Send {
    /// Returns true if the result is not needed any more.
    fn is_abandoned(&self) -> bool;

    /// Receives the text and its vector, or an error.
    fn complete(self: Box<Self>, text: String, outcome: Result<EncodedVector, ApiError>);
}
