//! The families of models: each knows its tensors' names, and builds the shared parts from them.

mod bert;
mod build;
mod builder;
mod distilbert;
mod modernbert;
mod roberta;

pub use build::build;
