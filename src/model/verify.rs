//! Compares a model's vectors with those of candle-transformers' forward pass on the same files.
//!
//! The two share the token ids and the weight files, and nothing of the arithmetic: what this finds is a kernel, a
//! dtype or a reading of `config.json` that gives other vectors for this model. It can't find wrong token ids.

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
