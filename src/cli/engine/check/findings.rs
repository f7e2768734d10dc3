//! What a server would find at its start. Every problem is reported and not only the first, and nothing is bound.

use serde::Serialize;

use super::models::check_models;
use super::store::{FOLDER, check_store};
use crate::admin::ModelSummary;
use crate::app::auth_token_problems;
#[cfg(feature = "verify")]
use crate::cli::engine::verify_report::VerifyReport;
use crate::config::Config;
use crate::features;
use crate::server::{reload, tls};

/// The result of a check.
#[derive(Debug, Serialize)]
pub struct Findings {
    /// Those that can be served, in the order of the flags.
    pub models: Vec<ModelSummary>,
    /// Comparisons with the reference, if they were asked for, of each model that can be served.
    #[cfg(feature = "verify")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verified: Vec<VerifyReport>,
    pub tls: Found,
    pub auth_tokens: Found,
    pub store: Found,
    /// What kind of store it is.
    pub store_kind: &'static str,
    /// Each names its flag and what to do.
    pub problems: Vec<String>,
}

/// The state of a part of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Found {
    Ready,
    /// It is not asked for.
    Off,
    /// The problems say why.
    Wrong,
}

/// Tries everything that a configuration asks for. Of one with mistakes, it tries the rest. `verify` also compares the
/// vectors of each model with those of the reference.
pub async fn check(config: &Config, mut mistakes: Vec<String>, verify: bool) -> Findings {
    if verify && !cfg!(feature = "verify") {
        mistakes.push(features::missing("--verify", "verify"));
    }
    let (models, tls, tokens, store) = tokio::join!(
        check_models(config, verify),
        check_tls(config),
        check_tokens(config),
        // A stand-in for another store says nothing about that one.
        async { if has_store_problems(&mistakes) { Vec::new() } else { check_store(&config.store).await } },
    );
    let problems = [&mistakes, &models.problems, &tls, &tokens, &store].map(Vec::as_slice).concat();
    let found = |flag: &str, is_asked_for: bool| match is_asked_for {
        _ if about(&problems, flag) => Found::Wrong,
        true => Found::Ready,
        false => Found::Off,
    };
    let tls = found("--tls", config.security.tls.is_some());
    let auth_tokens = found(TOKENS, config.security.auth_tokens.is_some());
    let store = if has_store_problems(&problems) { Found::Wrong } else { Found::Ready };
    Findings {
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

const STORE: &str = "--qdrant";
const TOKENS: &str = "--auth-tokens";
const CONFIG: &str = "--config";

/// Whether there are problems with the store or with what says which store it is, such as an unknown key in a file.
fn has_store_problems(problems: &[String]) -> bool {
    [STORE, FOLDER, CONFIG].iter().any(|flag| about(problems, flag))
}

/// Whether one of these is about a flag, or flags that begin so.
fn about(problems: &[String], flag: &str) -> bool {
    problems.iter().any(|problem| problem.starts_with(flag))
}

async fn check_tls(config: &Config) -> Vec<String> {
    match &config.security.tls {
        Some(files) => in_words(reload::problems(tls::files(files), tls::server_config).await),
        None => Vec::new(),
    }
}

async fn check_tokens(config: &Config) -> Vec<String> {
    match &config.security.auth_tokens {
        Some(path) => in_words(auth_token_problems(path).await),
        None => Vec::new(),
    }
}

fn in_words(problems: Vec<anyhow::Error>) -> Vec<String> {
    problems.iter().map(|problem| format!("{problem:#}")).collect()
}
