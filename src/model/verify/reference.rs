//! The reference: a forward pass by candle-transformers, from the same token ids and the same weight files.
//!
//! Nothing else is shared with the product: products, attention, normalization, activations and positions are those of
//! candle and candle-transformers, in float32 on the CPU, one text at a time, and pooling is a plain loop.
//!
//! candle-transformers does not implement everything that this crate loads. A checkpoint that one of its classes can't
//! express has no reference ([`NoReference::Unsupported`]) instead of a wrong one. Where a class of candle-transformers
//! differs from the class of transformers, the module of that family says so and how the difference is avoided
//! ([ADR 6](../../../../docs/adr/0006-a-second-forward-pass.md)).

mod bert;
mod config;
mod distilbert;
mod encoder;
mod head;
mod masked_lm;
mod modernbert;
mod pooling;
mod reference_error;
mod roberta;
mod tensors;

pub use encoder::ReferenceEncoder;
pub use masked_lm::MAX_TOKENS;
pub use reference_error::ReferenceError;
