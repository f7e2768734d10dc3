//! Errors of the Hugging Face Hub, with their remedies.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Error of locating or downloading a Hub model.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error("no cache directory for downloaded models: HF_HUB_CACHE, HF_HOME and HOME are unset; set HF_HOME")]
    NoCacheDirectory,
    #[error(
        "the Hub denied access to `{repo}` at `{revision}` (HTTP {status}): if it is private or gated, set HF_TOKEN to \
         a token with read access and accept the licence on the model's page; otherwise check the name"
    )]
    Denied { repo: String, revision: String, status: u16 },
    #[error("`{repo}` at `{revision}` was not found on the Hub (HTTP 404): check the name and the revision")]
    NotFound { repo: String, revision: String },
    #[error("the Hub returned HTTP {status} for `{repo}` at `{revision}`: retry later, or check HF_ENDPOINT")]
    Status { repo: String, revision: String, status: u16 },
    #[error(
        "cannot reach the Hub at {endpoint} for `{repo}` at `{revision}` ({cause}): check the network and \
         HF_ENDPOINT, or copy the model directory to this machine and pass its path"
    )]
    Unreachable { repo: String, revision: String, endpoint: String, cause: String },
    #[error("invalid response of the Hub for `{repo}` at `{revision}` ({cause}): check HF_ENDPOINT")]
    Protocol { repo: String, revision: String, cause: String },
    #[error(
        "`{repo}` at `{revision}` is not a complete model; missing: {}; choose another repository, or load the \
         model with sentence-transformers and upload the output of `save_pretrained`", missing.join(", ")
    )]
    Incomplete { repo: String, revision: String, missing: Vec<String> },
    #[error("`{repo}` at `{revision}` is {explanation}")]
    UnsupportedFormat { repo: String, revision: String, explanation: String },
    #[error("cannot load `{repo}` at `{revision}`: {cause}")]
    Unsupported { repo: String, revision: String, cause: Box<dyn Error + Send + Sync> },
    #[error(
        "`{file}` of `{repo}` has {size} bytes; the maximum is {max}: check the content of the file, or choose \
         another repository"
    )]
    TooLarge { repo: String, file: String, size: u64, max: u64 },
    #[error("the download of `{file}` of `{repo}` was interrupted ({cause}): retry to resume it")]
    Interrupted { repo: String, file: String, cause: String },
    #[error("the downloaded `{file}` of `{repo}` is corrupt ({cause}) and was deleted: retry the download")]
    Damaged { repo: String, file: String, cause: String },
    #[error("another process is downloading `{file}` of `{repo}`: retry when it has finished")]
    Locked { repo: String, file: String },
    #[error(
        "`{repo}` at `{revision}` is not complete in the cache {} (missing: {}), and HF_HUB_OFFLINE forbids \
         downloads: run `splade-sidecar model pull {repo}@{revision}` with HF_HUB_OFFLINE unset, on a machine with \
         network access", cache.display(), missing.join(", ")
    )]
    NotCached { repo: String, revision: String, cache: PathBuf, missing: Vec<String> },
    #[error("cannot use the cache at {}: {cause}", path.display())]
    Cache { path: PathBuf, cause: io::Error },
}

impl HubError {
    /// Returns true if the Hub is unreachable or failing, in which case a cached copy may be used instead.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Status { .. })
    }
}
