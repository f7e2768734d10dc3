//! How tests see what becomes of a text.

use super::encoded::Encoded;
use crate::types::Fault;

/// Stands in for the step after the encoder.
pub trait Probe: Send {
    /// Whether nobody waits for the vector any more.
    fn is_abandoned(&self) -> bool;

    /// Takes the text and its vector, or the reason why there is none.
    fn encoded(self: Box<Self>, text: String, outcome: Result<Encoded, Fault>);
}
