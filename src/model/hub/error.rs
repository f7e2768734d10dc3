//! What can go wrong between here and the hub, and what to do about it.

use std::error::Error;
use std::io;
use std::path::PathBuf;

/// Why a hub model is not at hand.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    #[error("no folder is known for downloaded models; set HF_HOME to one")]
    NoCacheDirectory,
    #[error(
        "the hub denied access to `{repo}` at `{revision}` (HTTP {status}): if it is private or gated, set HF_TOKEN to \
         a token that may read it and accept its licence on its page; if not, check the name"
    )]
    Denied { repo: String, revision: String, status: u16 },
    #[error("the hub has no `{repo}` at `{revision}` (HTTP 404): check the name and the revision")]
    NotFound { repo: String, revision: String },
    #[error("the hub failed for `{repo}` at `{revision}` (HTTP {status}): try again later, or check HF_ENDPOINT")]
    Status { repo: String, revision: String, status: u16 },
    #[error(
        "the hub at {endpoint} can't be reached for `{repo}` at `{revision}` ({cause}): check the network and \
         HF_ENDPOINT, or copy the model's folder here and give its path"
    )]
    Unreachable { repo: String, revision: String, endpoint: String, cause: String },
    #[error("the hub's answer for `{repo}` at `{revision}` makes no sense ({cause}): check HF_ENDPOINT")]
    Protocol { repo: String, revision: String, cause: String },
    #[error(
        "`{repo}` at `{revision}` is not a complete model: it has no {}; choose another repository, or load the \
         model with sentence-transformers and upload what `save_pretrained` writes", missing.join(", no ")
    )]
    Incomplete { repo: String, revision: String, missing: Vec<String> },
    #[error("`{repo}` at `{revision}` is {explanation}")]
    UnsupportedFormat { repo: String, revision: String, explanation: String },
    #[error("`{repo}` at `{revision}` can't be loaded: {cause}")]
    Unsupported { repo: String, revision: String, cause: Box<dyn Error + Send + Sync> },
    #[error(
        "`{file}` of `{repo}` has {size} bytes; at most {max} are supported: choose another repository, or check \
         that the file is what its name says"
    )]
    TooLarge { repo: String, file: String, size: u64, max: u64 },
    #[error("the download of `{file}` of `{repo}` stopped ({cause}): try again, it goes on where it stopped")]
    Interrupted { repo: String, file: String, cause: String },
    #[error("`{file}` of `{repo}` arrived damaged ({cause}) and was deleted: try again")]
    Damaged { repo: String, file: String, cause: String },
    #[error("another process is downloading `{file}` of `{repo}`: try again when it is done")]
    Locked { repo: String, file: String },
    #[error(
        "`{repo}` at `{revision}` is not complete in the cache {} (no {}), and HF_HUB_OFFLINE forbids downloads: run \
         `splade-sidecar model pull {repo}@{revision}` with HF_HUB_OFFLINE unset, on a machine with network \
         access", cache.display(), missing.join(", no ")
    )]
    NotCached { repo: String, revision: String, cache: PathBuf, missing: Vec<String> },
    #[error("can't use the cache at {}: {cause}", path.display())]
    Cache { path: PathBuf, cause: io::Error },
}

impl HubError {
    /// Whether the hub itself is at fault, so that a copy in the cache is as good as its answer.
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Status { .. })
    }
}
