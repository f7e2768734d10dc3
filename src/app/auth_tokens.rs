//! Token file of `--auth-tokens`.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use tokio::sync::watch;

use crate::config::SecurityConfig;
use crate::grpc::auth::AuthTokens;
use crate::server::reload::{self, FlagFile, LoadedFile};

/// Reads the token file and reloads it when it changes. Returns `None` if no token file is configured.
///
/// # Errors
/// If the file can't be read or is invalid.
pub async fn watch_auth_tokens(security: &SecurityConfig) -> anyhow::Result<Option<watch::Receiver<Arc<AuthTokens>>>> {
    Ok(match &security.auth_tokens_file {
        Some(path) => Some(reload::watch_files(vec![token_file(path)], security.reload_interval, parse_tokens).await?),
        None => None,
    })
}

/// Checks the current contents of a token file, and returns all errors.
pub async fn check_auth_tokens(path: &Path) -> Vec<anyhow::Error> {
    reload::check_files(vec![token_file(path)], parse_tokens).await
}

fn token_file(path: &Path) -> FlagFile {
    FlagFile { flag: "--auth-tokens", path: path.to_owned() }
}

fn parse_tokens(files: &[LoadedFile]) -> anyhow::Result<AuthTokens> {
    let [LoadedFile { file, bytes }] = files else { anyhow::bail!("--auth-tokens must be a single file") };
    let text =
        str::from_utf8(bytes).ok().with_context(|| format!("{file} is not UTF-8 text; expected one token per line"))?;
    AuthTokens::parse(text).with_context(|| file.to_string())
}
