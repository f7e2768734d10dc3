//! Lookup of models in the cache, without network access.

use std::path::{Path, PathBuf};
use std::{fs, io};

use hf_hub::{Cache, Repo, RepoType};

use super::HubError;
use super::files::ModelFiles;

/// Returns the cached directory of a revision.
///
/// # Errors
/// [`HubError::NotCached`], with the missing files and the command to fetch them.
pub fn find(cache: &Path, repo: &str, revision: &str) -> Result<PathBuf, HubError> {
    let not_cached = |missing| HubError::NotCached {
        repo: repo.to_owned(),
        revision: revision.to_owned(),
        cache: cache.to_owned(),
        missing,
    };
    let directory = snapshot_dir(cache, repo, &resolve_commit(cache, repo, revision));
    if !directory.is_dir() {
        return Err(not_cached(vec!["the revision".to_owned()]));
    }
    // `is_file` follows links: a link to a deleted blob counts as missing.
    let exists = |path: &str| directory.join(path).is_file();
    match ModelFiles::new(&directory, &exists).find_missing() {
        missing if missing.is_empty() => Ok(directory),
        missing => Err(not_cached(missing)),
    }
}

/// Writes the ref that maps a revision to a commit.
pub fn write_ref(cache: &Path, repo: &str, revision: &str, commit: &str) -> io::Result<()> {
    let repo = Repo::with_revision(repo.to_owned(), RepoType::Model, revision.to_owned());
    Cache::new(cache.to_owned()).repo(repo).create_ref(commit)
}

/// Returns the path of a commit's directory, which may not exist yet.
pub fn snapshot_dir(cache: &Path, repo: &str, commit: &str) -> PathBuf {
    repo_dir(cache, repo).join("snapshots").join(commit)
}

/// Returns the path of the directory of file contents, named by hash.
pub fn blobs_dir(cache: &Path, repo: &str) -> PathBuf {
    repo_dir(cache, repo).join("blobs")
}

/// Resolves a revision to a commit with `refs/REVISION`; a commit hash has no ref and resolves to itself.
fn resolve_commit(cache: &Path, repo: &str, revision: &str) -> String {
    let ref_path = repo_dir(cache, repo).join("refs").join(revision);
    fs::read_to_string(ref_path).map_or_else(|_| revision.to_owned(), |commit| commit.trim().to_owned())
}

fn repo_dir(cache: &Path, repo: &str) -> PathBuf {
    cache.join(Repo::model(repo.to_owned()).folder_name())
}
