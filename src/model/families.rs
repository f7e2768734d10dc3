//! The families of models: each knows its tensors' names, and builds the shared parts from them.
//!
//! See docs/adr/0031-one-forward-pass.md.

mod bert;
mod build;
mod builder;
mod distilbert;
mod modernbert;
mod roberta;

pub use build::build;
