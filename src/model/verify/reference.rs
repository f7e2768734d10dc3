//! Reference implementation: the forward pass of candle-transformers on the same token ids and weight files.
//!
//! No other code is shared with this crate's forward pass: products, attention, normalization, activations and
//! positions are those of candle and candle-transformers, in float32 on the CPU, one text at a time, and pooling is a
//! plain loop.
//!
//! candle-transformers does not support every checkpoint that this crate loads. Unsupported checkpoints have no
//! reference ([`ReferenceError::Unsupported`]) instead of a wrong one. If a class of candle-transformers differs from
//! that of transformers, the module of its family documents the difference and how it is avoided ([ADR
//! 6](../../../../docs/adr/0006-a-second-forward-pass.md)).

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
