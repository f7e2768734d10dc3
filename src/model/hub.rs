//! Model sources: local directories and the Hugging Face Hub.
//!
//! A Hub model is downloaded once into the Hugging Face cache, in its layout: `models--ORG--NAME/refs/REVISION` names a
//! commit, and `snapshots/COMMIT/` has the files. The revision is resolved to a commit first and all files are fetched
//! at that commit, so a model never mixes two revisions. Small files are downloaded and checked first: an unsupported
//! model is refused before its weights are downloaded. The ref is written last, so a ref written by this module implies
//! that all files are present.
//!
//! Start with [`ModelSource`] (parses a directory or a Hub id) and [`locate()`].

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
