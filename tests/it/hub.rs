//! Downloads from a fake hub that implements the Hugging Face protocol, with a separate host for large files.

mod complete;
mod foreign;
mod refused;
mod server;

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use splade_sidecar::model::check_settings;
use splade_sidecar::model::hub::{HubConfig, HubError, ModelSource, locate};
use tempfile::{TempDir, tempdir};
use tokio::task::spawn_blocking;

use server::{COMMIT, Fault, Hub, MODEL, TAGGED};

/// Returns the configuration from an environment with the given home directory, endpoint and further variables.
fn config(home: &Path, endpoint: &str, more: &[(&str, &str)]) -> HubConfig {
    let home = home.to_str().unwrap().to_owned();
    HubConfig::from_env(|name| match name {
        "HF_HOME" => Some(home.clone()),
        "HF_ENDPOINT" => Some(endpoint.to_owned()),
        name => more.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()),
    })
}

async fn pull(id: &str, config: &HubConfig) -> Result<PathBuf, HubError> {
    let (source, config) = (id.parse::<ModelSource>().unwrap(), config.clone());
    spawn_blocking(move || locate(&source, &config, |_| Ok::<_, Infallible>(()), || ())).await.unwrap()
}

/// Locates a model as the server does, including the check of its settings.
async fn pull_checked(id: &str, config: &HubConfig) -> Result<PathBuf, HubError> {
    let (source, config) = (id.parse::<ModelSource>().unwrap(), config.clone());
    spawn_blocking(move || locate(&source, &config, check_settings, || ())).await.unwrap()
}

fn repo_dir(home: &TempDir) -> PathBuf {
    home.path().join("hub/models--org--tiny")
}

const OFFLINE: (&str, &str) = ("HF_HUB_OFFLINE", "1");

#[tokio::test(flavor = "multi_thread")]
async fn files_land_where_hugging_face_keeps_them_and_are_fetched_once() {
    let (hub, endpoint) = Hub::new().serve().await;
    let home = tempdir().unwrap();
    let directory = pull("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap();

    assert_eq!(directory, repo_dir(&home).join("snapshots").join(COMMIT));
    assert_eq!(fs::read_to_string(repo_dir(&home).join("refs/main")).unwrap(), COMMIT);
    let mut files = Vec::new();
    for (name, content) in MODEL {
        let path = directory.join(name);
        if !path.exists() {
            continue;
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), content, "{name}");
        let blob = fs::canonicalize(&path).unwrap();
        assert_eq!(blob.parent(), Some(fs::canonicalize(repo_dir(&home).join("blobs")).unwrap().as_path()), "{name}");
        files.push(name);
    }
    let expected = [
        "1_SpladePooling/config.json",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "modules.json",
        "config_sentence_transformers.json",
    ];
    assert_eq!(files, expected);

    let fetched = hub.seen().paths.len();
    assert_eq!(pull("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap(), directory);
    assert_eq!(hub.seen().paths.len(), fetched + 1, "the second call only looks up the revision");
    let offline = config(home.path(), "http://127.0.0.1:9", &[OFFLINE]);
    assert_eq!(pull("org/tiny", &offline).await.unwrap(), directory);
    assert_eq!(pull(&format!("org/tiny@{COMMIT}"), &offline).await.unwrap(), directory);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_is_pinned_to_its_commit() {
    let (hub, endpoint) = Hub::new().serve().await;
    let home = tempdir().unwrap();
    let directory = pull("org/tiny@v1", &config(home.path(), &endpoint, &[])).await.unwrap();
    assert!(directory.ends_with(TAGGED), "{}", directory.display());
    assert_eq!(fs::read_to_string(repo_dir(&home).join("refs/v1")).unwrap(), TAGGED);
    let paths = hub.seen().paths;
    assert_eq!(paths[0], "/api/models/org/tiny/revision/v1");
    assert!(paths[1..].iter().all(|path| path.contains(TAGGED)), "every file is requested at the commit: {paths:?}");
    assert!(!repo_dir(&home).join("refs/main").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_repositories_and_revisions_are_named() {
    let (_hub, endpoint) = Hub::new().serve().await;
    let home = tempdir().unwrap();
    for (id, revision) in [("org/tiny@v9", "v9"), ("org/huge", "main")] {
        let error = pull(id, &config(home.path(), &endpoint, &[])).await.unwrap_err();
        assert!(matches!(error, HubError::NotFound { .. }), "{error:?}");
        let (message, repo) = (error.to_string(), id.split('@').next().unwrap());
        assert!([repo, revision, "404", "check the name and the revision"].iter().all(|word| message.contains(word)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gated_model_requires_a_token() {
    let (hub, endpoint) = Hub::new().gated("hf_secret").serve().await;
    let home = tempdir().unwrap();
    for token in [None, Some(("HF_TOKEN", "hf_wrong"))] {
        let config = config(home.path(), &endpoint, &Vec::from_iter(token));
        let error = pull("org/tiny", &config).await.unwrap_err();
        assert!(matches!(error, HubError::Denied { status: 401, .. }), "{error:?}");
        assert!(error.to_string().contains("set HF_TOKEN") && !error.to_string().contains("hf_wrong"), "{error}");
    }
    pull("org/tiny", &config(home.path(), &endpoint, &[("HF_TOKEN", "hf_secret")])).await.unwrap();
    assert!(hub.seen().authorized > MODEL.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_download_leaves_no_file_and_resumes() {
    let (hub, endpoint) = Hub::new().failing(Fault::Cut).serve().await;
    let home = tempdir().unwrap();
    let error = pull("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap_err();
    assert!(matches!(&error, HubError::Interrupted { file, .. } if file == "model.safetensors"), "{error:?}");
    let snapshot = repo_dir(&home).join("snapshots").join(COMMIT);
    assert!(snapshot.join("config.json").exists() && !snapshot.join("model.safetensors").exists());
    assert!(!repo_dir(&home).join("refs/main").exists(), "no ref is written before the model is complete");
    let offline = pull(&format!("org/tiny@{COMMIT}"), &config(home.path(), &endpoint, &[OFFLINE])).await.unwrap_err();
    assert!(offline.to_string().contains("missing: weights"), "{offline}");

    hub.repair();
    let directory = pull("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap();
    assert_eq!(fs::read_to_string(directory.join("model.safetensors")).unwrap(), MODEL[3].1);
    assert!(hub.seen().ranges.iter().any(|range| range == "bytes=10-"), "{:?}", hub.seen().ranges);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_deleted() {
    for fault in [Fault::Short, Fault::Garbled] {
        let (hub, endpoint) = Hub::new().failing(fault).serve().await;
        let home = tempdir().unwrap();
        let error = pull("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap_err();
        assert!(matches!(&error, HubError::Damaged { file, .. } if file == "model.safetensors"), "{error:?}");
        assert!(!repo_dir(&home).join("snapshots").join(COMMIT).join("model.safetensors").is_symlink());
        hub.repair();
        pull("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cached_models_load_while_the_hub_is_down() {
    let (hub, endpoint) = Hub::new().serve().await;
    let home = tempdir().unwrap();
    let directory = pull("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap();
    let unreachable = "http://127.0.0.1:9";
    assert_eq!(pull("org/tiny", &config(home.path(), unreachable, &[])).await.unwrap(), directory);
    hub.break_down();
    assert_eq!(pull("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap(), directory);

    let elsewhere = tempdir().unwrap();
    let error = pull("org/tiny", &config(elsewhere.path(), unreachable, &[])).await.unwrap_err();
    assert!(matches!(error, HubError::Unreachable { .. }) && error.to_string().contains(unreachable));
    let broken = pull("org/tiny", &config(elsewhere.path(), &endpoint, &[])).await.unwrap_err();
    assert!(matches!(broken, HubError::Status { status: 503, .. }), "{broken:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn offline_without_a_cached_copy_names_the_remedy() {
    let home = tempdir().unwrap();
    let error = pull("org/tiny@v1", &config(home.path(), "http://127.0.0.1:9", &[OFFLINE])).await.unwrap_err();
    assert!(error.to_string().contains("splade-sidecar model pull org/tiny@v1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_no_model_is_refused_before_anything_is_fetched() {
    let (hub, endpoint) = Hub::new().of(&MODEL[..2]).serve().await;
    let home = tempdir().unwrap();
    let error = pull("org/tiny", &config(home.path(), &endpoint, &[])).await.unwrap_err();
    assert!(error.to_string().contains("missing: tokenizer.json or vocab.txt, weights"), "{error}");
    assert_eq!(hub.seen().paths.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn model_pull_prints_the_directory() {
    let (_hub, endpoint) = Hub::new().serve().await;
    let home = tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_splade-sidecar"));
    command.env_clear().env("HF_HOME", home.path()).env("HF_ENDPOINT", endpoint).args(["model", "pull", "org/tiny"]);
    let output = spawn_blocking(move || command.output()).await.unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let directory = repo_dir(&home).join("snapshots").join(COMMIT);
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\n", directory.display()));
}
