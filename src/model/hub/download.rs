//! Download of a model into the cache: small files first, weights only if the model is supported.

use std::error::Error;
use std::path::{Path, PathBuf};

use hf_hub::api::Progress;

use super::client::{HubClient, RepoCommit};
use super::files::{ModelFiles, find_missing_kinds, lacks_weights, max_settings_bytes};
use super::unsupported_format::{EXPLANATION_FILES, UnsupportedWeightFormat};
use super::{HubConfig, HubError, snapshot};

/// Maximum number of rounds in which downloaded small files name further ones: `modules.json`, a router, a static
/// embedding, its table.
const MAX_SETTINGS_ROUNDS: usize = 4;
/// Maximum size in bytes of a file that is only read for the name of the original model.
const MAX_EXPLANATION_FILE_BYTES: u64 = 1 << 20;

/// Downloads the missing files of a model into the cache and returns its directory. Calls `check` with the directory
/// after all small files and before any weights are downloaded.
pub fn download<P: Progress, E: Into<Box<dyn Error + Send + Sync>>>(
    cache: &Path,
    config: &HubConfig,
    repo: &str,
    revision: &str,
    check: impl FnOnce(&Path) -> Result<(), E>,
    progress: impl Fn() -> P,
) -> Result<PathBuf, HubError> {
    let client = HubClient { cache, config, repo, revision };
    let commit = client.resolve_commit()?;
    let directory = snapshot::snapshot_dir(cache, repo, &commit.id);
    let is_absent = |file: &String| !directory.join(file).is_file();
    let exists = |path: &str| commit.files.contains_key(path);
    let files = ModelFiles::new(&directory, &exists);

    // Cheap check first: it needs only the list of files, so a repository without a model costs one request.
    ensure_complete(&client, &commit, &directory, find_missing_kinds(commit.files.keys().map(String::as_str)))?;
    // Each round may download files that name further ones; rounds without new files send no requests.
    for _ in 0..MAX_SETTINGS_ROUNDS {
        for file in files.settings_paths().into_iter().filter(is_absent) {
            client.fetch_bounded(&commit, &file, max_settings_bytes(&file), progress())?;
        }
    }
    check(&directory).map_err(|cause| HubError::Unsupported {
        repo: repo.to_owned(),
        revision: revision.to_owned(),
        cause: cause.into(),
    })?;
    ensure_complete(&client, &commit, &directory, files.find_missing())?;
    for file in files.weight_paths().into_iter().filter(is_absent) {
        client.fetch(&commit, &file, progress())?;
    }
    // Last, because a ref implies that all files are present.
    snapshot::write_ref(cache, repo, revision, &commit.id)
        .map_err(|cause| HubError::Cache { path: cache.to_owned(), cause })?;
    Ok(directory)
}

/// Returns an error if `missing` is not empty. If weights are missing, the error names the unsupported format that the
/// repository has instead.
fn ensure_complete(
    client: &HubClient<'_>,
    commit: &RepoCommit,
    directory: &Path,
    missing: Vec<String>,
) -> Result<(), HubError> {
    let (repo, revision) = (client.repo.to_owned(), client.revision.to_owned());
    if missing.is_empty() {
        return Ok(());
    }
    let format =
        // If the weights exist, exports in other formats are irrelevant.
        UnsupportedWeightFormat::detect(commit.files.keys().map(String::as_str)).filter(|_| lacks_weights(&missing));
    let Some(format) = format else { return Err(HubError::Incomplete { repo, revision, missing }) };
    for file in EXPLANATION_FILES {
        if commit.files.contains_key(file) && !directory.join(file).is_file() {
            // Optional: without this file the explanation does not name the original model.
            if let Err(error) = client.fetch_bounded(commit, file, MAX_EXPLANATION_FILE_BYTES, ()) {
                tracing::debug!(file, %error, "failed to fetch a file that may name the original model");
            }
        }
    }
    let explanation = format.explain(directory, Some(client.repo));
    Err(HubError::UnsupportedFormat { repo, revision, explanation })
}
