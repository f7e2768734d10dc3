//! From the hub into the cache.

use std::cell::Cell;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use hf_hub::api::Progress;
use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use sha2::{Digest, Sha256};

use super::files::{missing, wanted};
use super::{HubConfig, HubError, snapshot};

/// Fetches what the cache lacks of a model, and gives its folder.
pub fn download<P: Progress>(
    cache: &Path,
    config: &HubConfig,
    repo: &str,
    revision: &str,
    progress: impl Fn() -> P,
) -> Result<PathBuf, HubError> {
    let download = Download { cache, config, repo, revision };
    let api = download.api()?;
    let (commit, listing) = download.look_up(&api)?;
    let files = wanted(&listing);
    let missing = missing(&files);
    if !missing.is_empty() {
        return Err(HubError::NotAModel { repo: repo.to_owned(), revision: revision.to_owned(), missing });
    }

    let folder = snapshot::folder(cache, repo, &commit);
    let at_commit = api.repo(Repo::with_revision(repo.to_owned(), RepoType::Model, commit.clone()));
    for file in files {
        if !folder.join(&file).is_file() {
            download.fetch(&at_commit, &file, progress())?;
        }
    }
    snapshot::write_ref(cache, repo, revision, &commit)
        .map_err(|cause| HubError::Cache { path: cache.to_owned(), cause })?;
    Ok(folder)
}

struct Download<'a> {
    cache: &'a Path,
    config: &'a HubConfig,
    repo: &'a str,
    revision: &'a str,
}

impl Download<'_> {
    fn api(&self) -> Result<Api, HubError> {
        ApiBuilder::from_cache(Cache::new(self.cache.to_owned()))
            .with_endpoint(self.config.endpoint.clone())
            .with_token(self.config.token.as_ref().map(|token| token.expose().to_owned()))
            .with_user_agent(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|error| self.error(error))
    }

    /// The commit that the revision stands for, and the files that it has.
    fn look_up(&self, api: &Api) -> Result<(String, Vec<String>), HubError> {
        let repo = Repo::with_revision(self.repo.to_owned(), RepoType::Model, self.revision.to_owned());
        let info = api.repo(repo).info().map_err(|error| self.error(error))?;
        // It becomes the name of a folder.
        if info.sha.is_empty() || !info.sha.chars().all(|c| c.is_ascii_hexdigit()) {
            return Err(self.protocol(format!("`{}` is no commit", info.sha)));
        }
        Ok((info.sha, info.siblings.into_iter().map(|sibling| sibling.rfilename).collect()))
    }

    fn fetch(&self, repo: &ApiRepo, file: &str, progress: impl Progress) -> Result<(), HubError> {
        let size = Rc::new(Cell::new(0));
        let progress = Measured { inner: progress, size: Rc::clone(&size) };
        let path = repo.download_with_progress(file, progress).map_err(|error| self.file_error(file, error))?;
        self.verify(file, &path, size.get())
    }

    /// hf-hub takes a connection that ends early for the end of the file, and a server that ignores its range for one
    /// that honours it. Large files are named by their SHA-256, so they can be checked whole.
    fn verify(&self, file: &str, path: &Path, size: usize) -> Result<(), HubError> {
        let cache_error = |cause| HubError::Cache { path: path.to_owned(), cause };
        let blob = fs::canonicalize(path).map_err(cache_error)?;
        let Some(cause) = defect(&blob, size).map_err(cache_error)? else { return Ok(()) };
        fs::remove_file(path).and_then(|()| fs::remove_file(&blob)).map_err(cache_error)?;
        Err(HubError::Damaged { repo: self.repo.to_owned(), file: file.to_owned(), cause })
    }

    fn file_error(&self, file: &str, error: ApiError) -> HubError {
        let (repo, file) = (self.repo.to_owned(), file.to_owned());
        match error {
            ApiError::IoError(cause) => HubError::Interrupted { repo, file, cause: cause.to_string() },
            ApiError::LockAcquisition(_) => HubError::Locked { repo, file },
            ApiError::InvalidResume => HubError::Cache {
                path: snapshot::blobs(self.cache, self.repo),
                cause: io::Error::other(format!(
                    "the unfinished download of `{file}` is too long; delete *.part there"
                )),
            },
            other => self.error(other),
        }
    }

    fn error(&self, error: ApiError) -> HubError {
        let (repo, revision) = (self.repo.to_owned(), self.revision.to_owned());
        let ApiError::RequestError(error) = error else { return self.protocol(error.to_string()) };
        match *error {
            ureq::Error::StatusCode(status @ (401 | 403)) => HubError::Denied { repo, revision, status },
            ureq::Error::StatusCode(404) => HubError::NotFound { repo, revision },
            ureq::Error::StatusCode(status) => HubError::Status { repo, revision, status },
            ureq::Error::Json(cause) => self.protocol(cause.to_string()),
            cause => {
                let endpoint = self.config.endpoint.clone();
                HubError::Unreachable { repo, revision, endpoint, cause: cause.to_string() }
            }
        }
    }

    fn protocol(&self, cause: String) -> HubError {
        HubError::Protocol { repo: self.repo.to_owned(), revision: self.revision.to_owned(), cause }
    }
}

/// What is wrong with a downloaded file, if anything.
fn defect(blob: &Path, size: usize) -> io::Result<Option<String>> {
    let length = fs::metadata(blob)?.len();
    if length != size as u64 {
        return Ok(Some(format!("{length} bytes instead of {size}")));
    }
    let name = blob.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if name.len() != 64 || !name.chars().all(|c| c.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let digest = sha256(&mut File::open(blob)?)?;
    Ok((digest != name).then(|| format!("its SHA-256 is {digest} instead of {name}")))
}

fn sha256(input: &mut impl Read) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = input.read(&mut buffer)?;
        if read == 0 {
            return Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
        }
        digest.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Passes progress on, and remembers the size that the hub announced.
struct Measured<P> {
    inner: P,
    size: Rc<Cell<usize>>,
}

impl<P: Progress> Progress for Measured<P> {
    fn init(&mut self, size: usize, filename: &str) {
        self.size.set(size);
        self.inner.init(size, filename);
    }

    fn update(&mut self, size: usize) {
        self.inner.update(size);
    }

    fn finish(&mut self) {
        self.inner.finish();
    }
}
