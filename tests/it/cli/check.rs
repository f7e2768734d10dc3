//! `check` with the real binary: reports every error that `serve` would report.

use std::fs;

use serde_json::{Value, json};
use tempfile::tempdir;

use super::run;
use crate::support::certificates::CertificateAuthority;
use crate::support::models::model_dir;
use crate::support::process::Process;
use crate::support::qdrant_server::QdrantServer;
use crate::support::sidecar::MODEL;

const UNREACHABLE: &str = "http://127.0.0.1:1";

#[tokio::test]
async fn check_describes_a_valid_configuration() {
    let directory = tempdir().unwrap();
    let signed = CertificateAuthority::new("ours").issue();
    for (name, text) in
        [("cert", &signed.certificate), ("key", &signed.key), ("tokens", &"0123456789abcdef".to_owned())]
    {
        fs::write(directory.path().join(name), text).unwrap();
    }
    let model = model_dir(MODEL);
    let model = model.to_str().unwrap();
    let two = format!("other={model}");
    let flags = ["check", "--model", model, "--model", &two, "--output", "json"];
    let files = ["--tls-cert", "cert", "--tls-key", "key", "--auth-tokens", "tokens"];
    // `check` does not bind the address, so an unavailable one is no error.
    let check = run(directory.path(), UNREACHABLE, &[&flags[..], &files, &["--listen", "192.0.2.1:1"]].concat()).await;
    assert_eq!((check.code, check.stderr.as_str()), (0, ""), "{}", check.stdout);
    let found = check.json();
    assert_eq!(
        (&found["tls"], &found["auth_tokens"], &found["store"]),
        (&json!("ready"), &json!("ready"), &json!("ready"))
    );
    assert_eq!((&found["store_kind"], &found["problems"]), (&json!("embedded"), &json!([])));
    assert_eq!(found["version"], splade_sidecar::version::VERSION);
    let names: Vec<&Value> = found["models"].as_array().unwrap().iter().map(|model| &model["name"]).collect();
    assert_eq!(names, [MODEL, "other"]);
    let first = &found["models"][0];
    assert_eq!((&first["architecture"], &first["dtype"]), (&json!("BertForMaskedLM"), &json!("float32")));
    assert_eq!(first["fingerprint"].as_str().unwrap().len(), "2:".len() + 64);
    assert!(first["max_length"].as_u64().unwrap() > 0);

    let qdrant = QdrantServer::start();
    let text = run(directory.path(), UNREACHABLE, &["check", "--model", model, "--qdrant-url", &qdrant.url()]).await;
    assert_eq!(text.code, 0, "{}", text.stdout);
    assert!(text.stdout.contains("store    ready, qdrant\nno problems found\n"), "{}", text.stdout);
}

#[tokio::test]
async fn all_errors_are_reported_in_one_run() {
    let directory = tempdir().unwrap();
    fs::create_dir(directory.path().join("empty")).unwrap();
    fs::write(directory.path().join("tokens"), "hunter2\n").unwrap();
    let flags = "check --model /no/such/directory --model empty --threads 0 --tls-cert nothing --tls-key nowhere \
                 --auth-tokens tokens --qdrant-url http://127.0.0.1:1";
    let check = run(directory.path(), UNREACHABLE, &flags.split_whitespace().collect::<Vec<_>>()).await;
    assert_eq!(check.code, 2, "{}", check.stderr);
    for problem in [
        "--model: ",
        "/no/such/directory",
        "--model empty: ",
        "--threads is `0`",
        "--tls-cert: nothing can't be read",
        "--tls-key: nowhere can't be read",
        "--auth-tokens: tokens",
        "--qdrant-url: http://127.0.0.1:1/: the store is unavailable",
        "7 problem(s)",
    ] {
        assert!(check.stdout.contains(problem), "{problem} is not in:\n{}", check.stdout);
    }
    assert!(!check.stdout.contains("hunter2"));
}

#[cfg(feature = "embedded")]
#[tokio::test]
async fn a_store_in_use_and_an_invalid_url_are_errors() {
    let directory = tempdir().unwrap();
    let process = Process::start(directory.path(), &["--store-dir", "store"]).await;
    let model = model_dir(MODEL);
    let model = model.to_str().unwrap();
    let check = run(directory.path(), UNREACHABLE, &["check", "--model", model, "--store-dir", "store"]).await;
    assert_eq!(check.code, 2);
    assert!(check.stdout.contains("in use by another process"), "{}", check.stdout);
    process.terminate();
    assert_eq!(process.wait().await.code(), Some(0));
    let check = run(directory.path(), UNREACHABLE, &["check", "--model", model, "--qdrant-url", "ftp://x"]).await;
    assert!(check.code == 2 && check.stdout.contains("store    wrong"), "{}", check.stdout);
    assert!(check.stdout.ends_with("1 problem(s)\n"), "{}", check.stdout);
    let half = run(directory.path(), UNREACHABLE, &["check", "--model", model, "--tls-cert", "cert"]).await;
    assert!(half.code == 2 && half.stdout.contains("tls      wrong"), "{}", half.stdout);
}

#[tokio::test]
async fn the_version_names_the_source_revision() {
    let directory = tempdir().unwrap();
    let run = run(directory.path(), UNREACHABLE, &["--version"]).await;
    assert_eq!((run.code, run.stdout), (0, format!("splade-sidecar {}\n", splade_sidecar::version::LONG_VERSION)));
}
