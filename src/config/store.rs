//! Which store, and how to reach it.

use std::path::{Path, PathBuf};

use clap::Args;

use super::errors::ConfigErrors;
use super::flag_value::{FlagError, FlagType, FlagValue};
use super::values::BoundedDuration;
use crate::features;
use crate::store::{ApiKey, InvalidApiKey, QdrantConfig, QdrantUrl};

#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// The folder of the embedded store, which is made if it is not there.
    #[arg(long, env = "SPLADE_STORE_DIR", value_name = "FOLDER", default_value = "splade-store")]
    store_dir: PathBuf,
    /// Use a Qdrant server instead of the embedded store: the URL of its gRPC port.
    #[arg(long, env = "SPLADE_QDRANT_URL", value_name = "URL")]
    qdrant_url: Option<FlagValue<QdrantUrlFlag>>,
    /// The Qdrant server's API key. Better set by its environment variable, which other users can't see.
    #[arg(long, env = "SPLADE_QDRANT_API_KEY", value_name = "KEY", hide_env_values = true)]
    qdrant_api_key: Option<FlagValue<ApiKeyFlag>>,
    /// A file that holds the key instead. Blanks around it are passed over.
    #[arg(long, env = "SPLADE_QDRANT_API_KEY_FILE", value_name = "FILE")]
    qdrant_api_key_file: Option<PathBuf>,
    /// How long one call to the Qdrant server may take.
    #[arg(long, env = "SPLADE_QDRANT_TIMEOUT", value_name = "DURATION", default_value = "60s")]
    qdrant_timeout: FlagValue<BoundedDuration>,
    /// The shard key that every request to the Qdrant server carries.
    #[arg(long, env = "SPLADE_QDRANT_SHARD_KEY", value_name = "KEY")]
    qdrant_shard_key: Option<String>,
}

/// Which store.
#[derive(Debug, Clone)]
pub enum StoreConfig {
    Embedded(PathBuf),
    Qdrant(QdrantConfig),
}

impl StoreConfig {
    /// Its kind, as metrics name it.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Qdrant(_) => "qdrant",
        }
    }
}

impl StoreArgs {
    /// Without a URL, the other flags of the Qdrant server have no effect.
    pub fn resolve(self, errors: &mut ConfigErrors) -> StoreConfig {
        let Some(url) = self.qdrant_url else {
            if !cfg!(feature = "embedded") {
                let problem = features::describe_missing_feature("--store-dir", "embedded");
                errors.add_message(format!("{problem}, or give --qdrant-url"));
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

/// Returns the Qdrant server's key, given as it is or in a file. Messages never repeat it.
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
            errors.add("qdrant-api-key", ": --qdrant-api-key-file is there too; give one");
            None
        }
    }
}

fn read_api_key(file: &Path) -> Result<ApiKey, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("{} can't be read: {error}", file.display()))?;
    text.trim().parse().map_err(|error: InvalidApiKey| error.to_string())
}

/// The URL of a Qdrant server. It may hold a password by mistake.
#[derive(Debug, Clone)]
struct QdrantUrlFlag;

impl FlagType for QdrantUrlFlag {
    /// `None` is the stand-in.
    type Value = Option<QdrantUrl>;

    fn parse(text: &str) -> Result<Option<QdrantUrl>, FlagError> {
        text.parse().map(Some).map_err(|error: crate::store::InvalidQdrantUrl| FlagError::Reason(error.to_string()))
    }

    fn placeholder() -> Option<QdrantUrl> {
        None
    }
}

#[derive(Debug, Clone)]
struct ApiKeyFlag;

impl FlagType for ApiKeyFlag {
    /// `None` is the stand-in.
    type Value = Option<ApiKey>;

    fn parse(text: &str) -> Result<Option<ApiKey>, FlagError> {
        text.parse().map(Some).map_err(|error: InvalidApiKey| FlagError::Reason(error.to_string()))
    }

    fn placeholder() -> Option<ApiKey> {
        None
    }
}
