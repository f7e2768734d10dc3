//! Hub client for one revision of a repository.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::rc::Rc;

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;

use super::integrity::{SizeRecorder, find_defect};
use super::{HubConfig, HubError, snapshot};

/// Maximum size of the Hub's response about a revision, in bytes: enough for about 100,000 files.
const MAX_LISTING_BYTES: u64 = 16 << 20;

/// Client for a revision (branch, tag or commit) of a repository.
pub struct HubClient<'a> {
    pub cache: &'a Path,
    pub config: &'a HubConfig,
    pub repo: &'a str,
    pub revision: &'a str,
}

/// Resolved commit of a revision and its list of files.
pub struct RepoCommit {
    pub id: String,
    /// File sizes in bytes by path; `None` if the Hub did not report a size.
    pub files: BTreeMap<String, Option<u64>>,
    api: Api,
    repo: ApiRepo,
}

#[derive(Deserialize)]
struct RevisionInfo {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
}

impl HubClient<'_> {
    /// Resolves the revision to a commit.
    pub fn resolve_commit(&self) -> Result<RepoCommit, HubError> {
        let api = self.build_api()?;
        let repo = |revision: &str| Repo::with_revision(self.repo.to_owned(), RepoType::Model, revision.to_owned());
        // `blobs` includes file sizes in the response.
        let request = api.repo(repo(self.revision)).info_request().query("blobs", "true");
        let mut response = request.call().map_err(|error| self.request_error(error))?;
        let body = response.body_mut().with_config().limit(MAX_LISTING_BYTES).read_to_vec();
        let body = body.map_err(|error| self.request_error(error))?;
        let info: RevisionInfo =
            serde_json::from_slice(&body).map_err(|error| self.protocol_error(error.to_string()))?;
        // The id becomes a directory name, so anything but a hexadecimal hash is refused.
        if info.sha.is_empty() || !info.sha.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(self.protocol_error(format!("`{}` is not a commit hash", info.sha)));
        }
        let files = info.siblings.into_iter().map(|sibling| (sibling.rfilename, sibling.size)).collect();
        Ok(RepoCommit { repo: api.repo(repo(&info.sha)), id: info.sha, files, api })
    }

    fn build_api(&self) -> Result<Api, HubError> {
        ApiBuilder::from_cache(Cache::new(self.cache.to_owned()))
            .with_endpoint(self.config.endpoint.clone())
            .with_token(self.config.token.as_ref().map(|token| token.expose().to_owned()))
            .with_user_agent(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|error| self.api_error(error))
    }

    /// Downloads a file into the cache and verifies its size and hash.
    pub fn fetch(&self, commit: &RepoCommit, file: &str, progress: impl Progress) -> Result<(), HubError> {
        let size = Rc::new(Cell::new(0));
        let progress = SizeRecorder { inner: progress, size: Rc::clone(&size) };
        let path = commit.repo.download_with_progress(file, progress).map_err(|error| self.file_error(file, error))?;
        self.verify_download(file, &path, size.get())
    }

    /// Downloads a file of at most `max_bytes` bytes.
    ///
    /// # Errors
    /// [`HubError::TooLarge`], before the download starts, or an error of [`Self::fetch`].
    pub fn fetch_bounded(
        &self,
        commit: &RepoCommit,
        file: &str,
        max_bytes: u64,
        progress: impl Progress,
    ) -> Result<(), HubError> {
        // Some mirrors list files without sizes; then one more request returns the size.
        let size = match commit.files.get(file) {
            Some(Some(size)) => *size,
            _ => {
                let metadata = commit.api.metadata(&commit.repo.url(file));
                metadata.map_err(|error| self.file_error(file, error))?.size() as u64
            }
        };
        if size > max_bytes {
            return Err(HubError::TooLarge { repo: self.repo.to_owned(), file: file.to_owned(), size, max: max_bytes });
        }
        self.fetch(commit, file, progress)
    }

    fn verify_download(&self, file: &str, path: &Path, size: usize) -> Result<(), HubError> {
        let cache_error = |cause| HubError::Cache { path: path.to_owned(), cause };
        // `path` is a symbolic link in the snapshot; its target in `blobs/` is named by the content's hash.
        let blob = fs::canonicalize(path).map_err(cache_error)?;
        let Some(cause) = find_defect(&blob, size).map_err(cache_error)? else { return Ok(()) };
        // The link first: a link without its blob would only fail later, a blob without a link is harmless.
        fs::remove_file(path).and_then(|()| fs::remove_file(&blob)).map_err(cache_error)?;
        Err(HubError::Damaged { repo: self.repo.to_owned(), file: file.to_owned(), cause })
    }

    fn file_error(&self, file: &str, error: ApiError) -> HubError {
        let (repo, file) = (self.repo.to_owned(), file.to_owned());
        match error {
            ApiError::IoError(cause) => HubError::Interrupted { repo, file, cause: cause.to_string() },
            ApiError::LockAcquisition(_) => HubError::Locked { repo, file },
            ApiError::InvalidResume => HubError::Cache {
                path: snapshot::blobs_dir(self.cache, self.repo),
                cause: io::Error::other(format!(
                    "the partial download of `{file}` is longer than the file; delete the `*.part` files there"
                )),
            },
            other => self.api_error(other),
        }
    }

    fn api_error(&self, error: ApiError) -> HubError {
        match error {
            ApiError::RequestError(error) => self.request_error(*error),
            error => self.protocol_error(error.to_string()),
        }
    }

    fn request_error(&self, error: ureq::Error) -> HubError {
        let (repo, revision) = (self.repo.to_owned(), self.revision.to_owned());
        match error {
            ureq::Error::StatusCode(status @ (401 | 403)) => HubError::Denied { repo, revision, status },
            ureq::Error::StatusCode(404) => HubError::NotFound { repo, revision },
            ureq::Error::StatusCode(status) => HubError::Status { repo, revision, status },
            // Not an outage: retrying or using the cache would hide a wrong endpoint.
            cause @ ureq::Error::BodyExceedsLimit(_) => self.protocol_error(cause.to_string()),
            cause => {
                let endpoint = self.config.endpoint.clone();
                HubError::Unreachable { repo, revision, endpoint, cause: cause.to_string() }
            }
        }
    }

    fn protocol_error(&self, cause: String) -> HubError {
        HubError::Protocol { repo: self.repo.to_owned(), revision: self.revision.to_owned(), cause }
    }
}
