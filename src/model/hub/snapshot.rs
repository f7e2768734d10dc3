//! Reading the cache, without a network.

use std::path::{Path, PathBuf};
use std::{fs, io};

use hf_hub::{Cache, Repo, RepoType};

use super::HubError;
use super::files::ModelFiles;

/// A revision's folder in the cache.
///
/// # Errors
/// [`HubError::NotCached`], which says what is missing and how to fetch it.
pub fn find(cache: &Path, repo: &str, revision: &str) -> Result<PathBuf, HubError> {
    let not_cached = |missing| HubError::NotCached {
        repo: repo.to_owned(),
        revision: revision.to_owned(),
        cache: cache.to_owned(),
        missing,
    };
    let directory = snapshot_dir(cache, repo, &resolve_commit(cache, repo, revision));
    if !directory.is_dir() {
        return Err(not_cached(vec!["such revision".to_owned()]));
    }
    // A link to a blob that is gone is no file.
    let exists = |path: &str| directory.join(path).is_file();
    match ModelFiles::new(&directory, &exists).find_missing() {
        missing if missing.is_empty() => Ok(directory),
        missing => Err(not_cached(missing)),
    }
}

/// Writes down which commit a revision stands for.
pub fn write_ref(cache: &Path, repo: &str, revision: &str, commit: &str) -> io::Result<()> {
    let repo = Repo::with_revision(repo.to_owned(), RepoType::Model, revision.to_owned());
    Cache::new(cache.to_owned()).repo(repo).create_ref(commit)
}

/// Where a commit's files are, or will be.
pub fn snapshot_dir(cache: &Path, repo: &str, commit: &str) -> PathBuf {
    repo_dir(cache, repo).join("snapshots").join(commit)
}

/// Where the files' contents are, by hash.
pub fn blobs_dir(cache: &Path, repo: &str) -> PathBuf {
    repo_dir(cache, repo).join("blobs")
}

/// `refs/REVISION` names the commit; a revision that is a commit itself needs no ref.
fn resolve_commit(cache: &Path, repo: &str, revision: &str) -> String {
    let ref_path = repo_dir(cache, repo).join("refs").join(revision);
    fs::read_to_string(ref_path).map_or_else(|_| revision.to_owned(), |commit| commit.trim().to_owned())
}

fn repo_dir(cache: &Path, repo: &str) -> PathBuf {
    cache.join(Repo::model(repo.to_owned()).folder_name())
}
