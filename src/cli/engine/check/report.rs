//! Runs all checks and collects their problems. No socket is bound.
//!
//! See docs/adr/0058-report-all-configuration-errors.md.

use serde::Serialize;

use super::models::check_models;
use super::store::{STORE_DIR_FLAG, check_store};
use crate::admin::ModelSummary;
use crate::app::check_auth_tokens;
#[cfg(feature = "verify")]
use crate::cli::engine::verify_report::VerifyReport;
use crate::config::Config;
use crate::features;
use crate::server::{reload, tls};

/// Result of `check`; its fields are the JSON output.
#[derive(Debug, Serialize)]
pub struct CheckReport {
    /// Models that can be served, in the order of the flags.
    pub models: Vec<ModelSummary>,
    /// Comparisons of these models with the reference; empty without `--verify`.
    #[cfg(feature = "verify")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verified: Vec<VerifyReport>,
    pub tls: ComponentStatus,
    pub auth_tokens: ComponentStatus,
    pub store: ComponentStatus,
    /// Kind of the store: `embedded` or `qdrant`.
    pub store_kind: &'static str,
    /// Problems; each starts with its flag and contains a remedy.
    pub problems: Vec<String>,
}

/// State of a part of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ComponentStatus {
    Ready,
    /// Disabled: the configuration does not use it.
    Off,
    /// Invalid or not ready; the problems contain the reason.
    Wrong,
}

/// Checks the models, TLS files, tokens and store of a configuration, as far as it is valid. `verify` also compares the
/// vectors of each model with those of the reference.
pub async fn run_checks(config: &Config, mut config_errors: Vec<String>, verify: bool) -> CheckReport {
    if verify && !cfg!(feature = "verify") {
        config_errors.push(features::describe_missing_feature("--verify", "verify"));
    }
    let (models, tls, tokens, store) = tokio::join!(
        check_models(config, verify),
        check_tls(config),
        check_tokens(config),
        // With an invalid configuration of the store, `config.store` is a placeholder.
        async { if has_store_problems(&config_errors) { Vec::new() } else { check_store(&config.store).await } },
    );
    let problems = [&config_errors, &models.problems, &tls, &tokens, &store].map(Vec::as_slice).concat();
    let component_status = |flag: &str, is_configured: bool| match is_configured {
        _ if has_problem_for(&problems, flag) => ComponentStatus::Wrong,
        true => ComponentStatus::Ready,
        false => ComponentStatus::Off,
    };
    let tls = component_status("--tls", config.security.tls.is_some());
    let auth_tokens = component_status(AUTH_TOKENS_FLAG, config.security.auth_tokens_file.is_some());
    let store = if has_store_problems(&problems) { ComponentStatus::Wrong } else { ComponentStatus::Ready };
    CheckReport {
        models: models.models,
        #[cfg(feature = "verify")]
        verified: models.verified,
        tls,
        auth_tokens,
        store,
        store_kind: config.store.kind(),
        problems,
    }
}

const QDRANT_FLAG_PREFIX: &str = "--qdrant";
const AUTH_TOKENS_FLAG: &str = "--auth-tokens";
const CONFIG_FLAG: &str = "--config";

/// Returns whether there are problems with the store, or with the file that may select it.
fn has_store_problems(problems: &[String]) -> bool {
    [QDRANT_FLAG_PREFIX, STORE_DIR_FLAG, CONFIG_FLAG].iter().any(|flag| has_problem_for(problems, flag))
}

/// Returns whether a problem starts with this flag, or with this prefix of flags.
fn has_problem_for(problems: &[String], flag: &str) -> bool {
    problems.iter().any(|problem| problem.starts_with(flag))
}

async fn check_tls(config: &Config) -> Vec<String> {
    match &config.security.tls {
        Some(files) => format_errors(reload::check_files(tls::list_files(files), tls::parse_server_config).await),
        None => Vec::new(),
    }
}

async fn check_tokens(config: &Config) -> Vec<String> {
    match &config.security.auth_tokens_file {
        Some(path) => format_errors(check_auth_tokens(path).await),
        None => Vec::new(),
    }
}

fn format_errors(problems: Vec<anyhow::Error>) -> Vec<String> {
    problems.iter().map(|problem| format!("{problem:#}")).collect()
}
