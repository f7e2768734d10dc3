//! What a server would find at its start, without one: every problem is told and not only the first, and nothing is bound.

use std::sync::Arc;

use serde::Serialize;
use tokio::task::spawn_blocking;

use super::listen::read_tokens;
#[cfg(feature = "verify")]
use super::locate_files;
use super::reload::{self, FlagFile};
use super::summary::ModelSummary;
#[cfg(feature = "verify")]
use super::verify::VerifyReport;
use super::{load, open_store, tls};
use crate::config::{Config, ModelConfig, StoreConfig};
#[cfg(feature = "verify")]
use crate::model::verify::built_in_texts;
use crate::model::{Backend, DeviceName, Precision};
use crate::store::VectorStore;

/// What was found.
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

/// A part of the server.
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
pub async fn check(config: &Config, mistakes: Vec<String>, verify: bool) -> Findings {
    let (models, tls, tokens, store) = tokio::join!(
        check_models(config, verify),
        check_tls(config),
        check_tokens(config),
        // A stand-in for another store says nothing about that one.
        async { if about(&mistakes, STORE) { Vec::new() } else { check_store(&config.store).await } },
    );
    let problems = [&mistakes, &models.problems, &tls, &tokens, &store].map(Vec::as_slice).concat();
    let found = |flag: &str, is_asked_for: bool| match is_asked_for {
        _ if about(&problems, flag) => Found::Wrong,
        true => Found::Ready,
        false => Found::Off,
    };
    let tls = found("--tls", config.security.tls.is_some());
    let auth_tokens = found(TOKENS, config.security.auth_tokens.is_some());
    let store = if about(&problems, FOLDER) { Found::Wrong } else { found(STORE, true) };
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
const FOLDER: &str = "--store-dir";
const TOKENS: &str = "--auth-tokens";

/// Whether one of these is about a flag, or flags that begin so.
fn about(problems: &[String], flag: &str) -> bool {
    problems.iter().any(|problem| problem.starts_with(flag))
}

/// What was found about the models.
#[derive(Default)]
struct CheckedModels {
    models: Vec<ModelSummary>,
    #[cfg(feature = "verify")]
    verified: Vec<VerifyReport>,
    problems: Vec<String>,
}

/// One at a time: together they take more memory than this needs.
async fn check_models(config: &Config, verify: bool) -> CheckedModels {
    let Config { models, device, precision, .. } = config.clone();
    let checked = spawn_blocking(move || {
        let mut checked = CheckedModels::default();
        match Backend::open(device, precision) {
            Ok(backend) => models.iter().for_each(|model| {
                checked.check(model, &backend);
                if verify && checked.models.last().is_some_and(|ready| ready.name == model.name) {
                    checked.verify(model, device, precision);
                }
            }),
            Err(error) => checked.problems.push(format!("--device: {error}")),
        }
        checked
    });
    checked.await.unwrap_or_else(|error| CheckedModels {
        problems: vec![format!("--model: it can't be loaded: {error}")],
        ..CheckedModels::default()
    })
}

impl CheckedModels {
    fn check(&mut self, config: &ModelConfig, backend: &Backend) {
        match load(config, backend) {
            Ok(model) => self.models.push(ModelSummary::from(&model)),
            Err(error) => self.problems.push(format!("--model {}: {error:#}", config.name)),
        }
    }

    /// Tells what this build is without.
    #[cfg(not(feature = "verify"))]
    fn verify(&mut self, _config: &ModelConfig, _device: DeviceName, _dtype: Precision) {
        let problem = crate::features::missing("--verify", "verify");
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    #[cfg(feature = "verify")]
    fn verify(&mut self, config: &ModelConfig, device: DeviceName, dtype: Precision) {
        let report = || {
            let folder = locate_files(config)?;
            anyhow::Ok(VerifyReport::create(&config.name, &folder, device, &[dtype], &built_in_texts())?)
        };
        match report() {
            Ok(report) => {
                let problem = |problem: String| format!("--model {}: {problem}", config.name);
                self.problems.extend(report.failures().map(|failure| problem(failure.problem())));
                self.verified.push(report);
            }
            Err(error) => self.problems.push(format!("--model {}: it can't be verified: {error:#}", config.name)),
        }
    }
}

async fn check_tls(config: &Config) -> Vec<String> {
    match &config.security.tls {
        Some(files) => in_words(reload::problems(tls::files(files), tls::server_config).await),
        None => Vec::new(),
    }
}

async fn check_tokens(config: &Config) -> Vec<String> {
    match &config.security.auth_tokens {
        Some(path) => {
            let file = FlagFile { flag: TOKENS, path: path.clone() };
            in_words(reload::problems(vec![file], read_tokens).await)
        }
        None => Vec::new(),
    }
}

fn in_words(problems: Vec<anyhow::Error>) -> Vec<String> {
    problems.iter().map(|problem| format!("{problem:#}")).collect()
}

async fn check_store(config: &StoreConfig) -> Vec<String> {
    let answer = async {
        let store: Arc<dyn VectorStore> = open_store(config.clone()).await?;
        let ready = store.ready().await;
        let closed = store.close().await;
        ready?;
        Ok::<(), anyhow::Error>(closed?)
    };
    let Err(error) = answer.await else { return Vec::new() };
    vec![match config {
        StoreConfig::Embedded(_) => format!(
            "{FOLDER}: {}; it must be a folder that this user may write to and no other process has open",
            error.root_cause()
        ),
        StoreConfig::Qdrant(config) => format!(
            "--qdrant-url: {}: {error:#}; start the server, or check the URL, --qdrant-api-key and the network",
            config.url.uri()
        ),
    }]
}
