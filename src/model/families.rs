//! Model families: each maps its tensor names to the shared parts.
//!
//! See docs/adr/0031-one-forward-pass.md.

mod bert;
mod build;
mod builder;
mod distilbert;
mod modernbert;
mod roberta;

pub use build::build;
