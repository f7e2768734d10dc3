//! Finds the directory of a model, and downloads what is missing of it.

use std::error::Error;
use std::path::{Path, PathBuf};

use hf_hub::api::Progress;

use super::{HubConfig, HubError, ModelSource, download, snapshot};

/// The branch that is meant where no revision is named.
const DEFAULT_REVISION: &str = "main";

/// Finds the directory that holds a model's files, and downloads what is missing of a hub model.
///
/// `check` is given the directory of a hub model when its small files are there, before its weights are downloaded; if
/// it fails, nothing else is. `progress` makes one reporter a file (`|| ()` for none). If the hub is out of order or
/// can't be reached, and the cache has the model, the cache is used and a warning is logged. Blocks: call it off the
/// async threads.
///
/// # Errors
/// The hub refuses or can't be reached, the repository is no model or one that `check` refuses, a file arrives damaged,
/// or, offline, the cache has not got it all.
pub fn locate<P: Progress, E: Into<Box<dyn Error + Send + Sync>>>(
    source: &ModelSource,
    config: &HubConfig,
    check: impl FnOnce(&Path) -> Result<(), E>,
    progress: impl Fn() -> P,
) -> Result<PathBuf, HubError> {
    let (repo, revision) = match source {
        ModelSource::Directory(directory) => return Ok(directory.clone()),
        ModelSource::Hub { repo, revision } => (repo, revision.as_deref().unwrap_or(DEFAULT_REVISION)),
    };
    let cache = config.cache_dir.as_deref().ok_or(HubError::NoCacheDirectory)?;
    if config.is_offline {
        return snapshot::find(cache, repo, revision);
    }
    match download::download(cache, config, repo, revision, check, progress) {
        Err(error) if error.is_outage() => match snapshot::find(cache, repo, revision) {
            Ok(directory) => {
                tracing::warn!(folder = %directory.display(), "{error}; using the copy in the cache");
                Ok(directory)
            }
            Err(_) => Err(error),
        },
        outcome => outcome,
    }
}
