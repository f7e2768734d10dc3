//! Where a model's files come from: a folder, or the Hugging Face hub.
//!
//! A hub model is downloaded once into the cache that Hugging Face's own tools share, in their layout:
//! `models--ORG--NAME/refs/REVISION` names a commit, and `snapshots/COMMIT/` holds the files. A revision is looked up
//! first, and every file is taken at the commit that it stands for, so a model is never a mixture of two. Weights come
//! last, and the ref is written after them: a ref that this module wrote means that the files are all there.

mod config;
mod download;
mod error;
mod files;
mod snapshot;
mod source;

use std::path::PathBuf;

use hf_hub::api::Progress;

pub use config::{HubConfig, Token};
pub use error::HubError;
pub use source::{InvalidModelSource, ModelSource};

/// The branch that is meant where no revision is named.
const DEFAULT_REVISION: &str = "main";

/// Finds the folder that holds a model's files, and downloads what is missing of a hub model.
///
/// `progress` makes one reporter a file (`|| ()` for none). If the hub is out of order or can't be reached,
/// and the cache has the model, the cache is used and a warning is logged. Blocks: call it off the async threads.
///
/// # Errors
/// The hub refuses or can't be reached, the repository is no model, a file arrives damaged, or, offline, the cache
/// has not got it all.
pub fn locate<P: Progress>(
    source: &ModelSource,
    config: &HubConfig,
    progress: impl Fn() -> P,
) -> Result<PathBuf, HubError> {
    let (repo, revision) = match source {
        ModelSource::Folder(folder) => return Ok(folder.clone()),
        ModelSource::Hub { repo, revision } => (repo, revision.as_deref().unwrap_or(DEFAULT_REVISION)),
    };
    let cache = config.cache.as_deref().ok_or(HubError::NoCacheFolder)?;
    if config.offline {
        return snapshot::find(cache, repo, revision);
    }
    match download::download(cache, config, repo, revision, progress) {
        Err(error) if error.is_outage() => match snapshot::find(cache, repo, revision) {
            Ok(folder) => {
                tracing::warn!(folder = %folder.display(), "{error}; using the copy in the cache");
                Ok(folder)
            }
            Err(_) => Err(error),
        },
        outcome => outcome,
    }
}
