//! Where a model's files come from: a folder, or the Hugging Face hub.
//!
//! A hub model is downloaded once into the cache that Hugging Face's own tools share, in their layout:
//! `models--ORG--NAME/refs/REVISION` names a commit, and `snapshots/COMMIT/` holds the files. A revision is looked up
//! first, and every file is taken at the commit that it stands for, so a model is never a mixture of two. Small files
//! come first and are checked: a model that can't be loaded is refused before its weights are downloaded. The ref is
//! written after the weights: a ref that this module wrote means that the files are all there.

mod base_model;
mod client;
mod config;
mod download;
mod error;
mod files;
mod integrity;
mod locate;
mod modules;
mod snapshot;
mod source;
mod unsupported_format;

pub use config::{HubConfig, HubToken};
pub use error::HubError;
pub use locate::locate;
pub use source::{InvalidModelSource, ModelSource};
pub use unsupported_format::{explain_unsupported_format, find_lora_adapter};
