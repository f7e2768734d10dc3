//! Lookup of a model directory, with download from the Hub.

use std::error::Error;
use std::path::{Path, PathBuf};

use hf_hub::api::Progress;

use super::{HubConfig, HubError, ModelSource, download, snapshot};

/// Default branch if no revision is given.
const DEFAULT_REVISION: &str = "main";

/// Returns the directory of a model; downloads the missing files of a Hub model.
///
/// `check` is called with the directory of a Hub model after its small files and before its weights are downloaded; if
/// it fails, the download stops. `progress` creates one reporter per file (`|| ()` for none). If the Hub is unavailable
/// and the cache has the model, the cached copy is used and a warning is logged. Blocks: do not call it on an async
/// thread.
///
/// # Errors
/// Any [`HubError`]: access is denied, the Hub is unreachable, the repository is not a model or `check` refuses it, a
/// download is corrupt, or, offline, the cached copy is incomplete.
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
                tracing::warn!(directory = %directory.display(), %error, "hub unavailable; using the cached copy");
                Ok(directory)
            }
            Err(_) => Err(error),
        },
        outcome => outcome,
    }
}
