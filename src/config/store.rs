//! Vector store: the embedded store, or a Qdrant server.

use std::path::{Path, PathBuf};

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue};
use super::values::BoundedDuration;
use crate::features;
use crate::store::{ApiKey, InvalidApiKey, QdrantConfig, QdrantUrl};

#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// Directory of the embedded store; created if missing. Ignored with --qdrant-url.
    #[arg(long, env = "SPLADE_STORE_DIR", value_name = "DIR", default_value = "splade-store")]
    store_dir: PathBuf,
    /// URL of a Qdrant server's gRPC port. The server replaces the embedded store.
    #[arg(long, env = "SPLADE_QDRANT_URL", value_name = "URL")]
    qdrant_url: Option<FlagValue<QdrantUrlFlag>>,
    /// API key of the Qdrant server. Prefer the environment variable or --qdrant-api-key-file: other users of the machine can
    /// read command lines.
    #[arg(long, env = "SPLADE_QDRANT_API_KEY", value_name = "KEY", hide_env_values = true)]
    qdrant_api_key: Option<FlagValue<ApiKeyFlag>>,
    /// File that contains the API key of the Qdrant server. Leading and trailing whitespace is ignored.
    #[arg(long, env = "SPLADE_QDRANT_API_KEY_FILE", value_name = "FILE")]
    qdrant_api_key_file: Option<PathBuf>,
    /// Timeout of each call to the Qdrant server.
    #[arg(long, env = "SPLADE_QDRANT_TIMEOUT", value_name = "DURATION", default_value = "60s")]
    qdrant_timeout: FlagValue<BoundedDuration>,
    /// Shard key sent with each request to the Qdrant server, for collections with custom sharding.
    #[arg(long, env = "SPLADE_QDRANT_SHARD_KEY", value_name = "KEY")]
    qdrant_shard_key: Option<String>,
}

/// Validated store settings.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    Embedded(PathBuf),
    Qdrant(QdrantConfig),
}

impl StoreConfig {
    /// Returns the kind of the store, as in metrics: `embedded` or `qdrant`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Qdrant(_) => "qdrant",
        }
    }
}

impl StoreArgs {
    /// Returns the store settings. Without `--qdrant-url`, the other flags of the Qdrant server have no effect.
    pub fn resolve(self, errors: &mut ConfigErrors) -> StoreConfig {
        let Some(url) = self.qdrant_url else {
            if !cfg!(feature = "embedded") {
                let problem = features::describe_missing_feature("--store-dir", "embedded");
                errors.add_message(format!("{problem}, or set --qdrant-url"));
            }
            return StoreConfig::Embedded(self.store_dir);
        };
        let timeout = errors.take_value(self.qdrant_timeout);
        let api_key = resolve_api_key(self.qdrant_api_key, self.qdrant_api_key_file.as_deref(), errors);
        match errors.take_value(url) {
            Some(url) => StoreConfig::Qdrant(QdrantConfig {
                api_key,
                timeout,
                shard_key: self.qdrant_shard_key,
                ..QdrantConfig::new(url)
            }),
            None => StoreConfig::Embedded(PathBuf::new()),
        }
    }
}

/// Returns the API key from the flag or the file. Messages never contain it.
fn resolve_api_key(
    key: Option<FlagValue<ApiKeyFlag>>,
    file: Option<&Path>,
    errors: &mut ConfigErrors,
) -> Option<ApiKey> {
    match (key, file) {
        (None, None) => None,
        (Some(key), None) => errors.take_value(key),
        (None, Some(file)) => match read_api_key(file) {
            Ok(key) => Some(key),
            Err(problem) => {
                errors.add("qdrant-api-key-file", &format!(": {problem}"));
                None
            }
        },
        (Some(_), Some(_)) => {
            errors.add("qdrant-api-key", ": --qdrant-api-key-file is set too; set only one of them");
            None
        }
    }
}

fn read_api_key(file: &Path) -> Result<ApiKey, String> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        format!("{} can't be read: {error}; pass a readable file that contains the key", file.display())
    })?;
    text.trim().parse().map_err(|error: InvalidApiKey| error.to_string())
}

/// Flag type of a Qdrant server's URL. Messages don't repeat it, because it may contain a password.
#[derive(Debug, Clone)]
struct QdrantUrlFlag;

impl FlagType for QdrantUrlFlag {
    /// `None` is the placeholder.
    type Value = Option<QdrantUrl>;

    fn parse(text: &str) -> Result<Option<QdrantUrl>, FlagError> {
        text.parse().map(Some).map_err(|error: crate::store::InvalidQdrantUrl| FlagError::Reason(error.to_string()))
    }

    fn placeholder() -> Option<QdrantUrl> {
        None
    }
}

/// Flag type of an API key. Messages don't repeat it.
#[derive(Debug, Clone)]
struct ApiKeyFlag;

impl FlagType for ApiKeyFlag {
    /// `None` is the placeholder.
    type Value = Option<ApiKey>;

    fn parse(text: &str) -> Result<Option<ApiKey>, FlagError> {
        text.parse().map(Some).map_err(|error: InvalidApiKey| FlagError::Reason(error.to_string()))
    }

    fn placeholder() -> Option<ApiKey> {
        None
    }
}
