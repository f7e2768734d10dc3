//! Verification of a model: compares its vectors with those of candle-transformers' forward pass on the same files.
//!
//! The two implementations share token ids and weight files but no arithmetic. A difference indicates a kernel, a dtype
//! or an interpretation of `config.json` that changes the vectors of this model. Wrong token ids cannot be detected.

mod compare;
mod comparison;
mod reference;
mod role_reference;
mod run;
mod texts;

pub use compare::{Differences, EQUAL_TOLERANCE, MAX_CLOSE_DIFFERENCE, MIN_CLOSE_COSINE, VerifyVerdict};
pub use comparison::Comparison;
pub use reference::MAX_TOKENS;
pub use run::verify;
pub use texts::built_in_texts;
