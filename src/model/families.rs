//! The families of models: each knows its tensors' names, and builds the shared parts from them.

mod bert;
mod build;
mod builder;
mod class;
mod distilbert;
mod family;
mod modernbert;
mod roberta;

pub use build::build;
pub use class::{Class, class_of};
pub use family::Family;
