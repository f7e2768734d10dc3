//! `--config` and `completions` with the real binary.

use std::fs;
use std::path::Path;

use clap::{Args, Command, FromArgMatches};
use splade_sidecar::config::{Config, ServeArgs, StoreConfig};
use tempfile::{TempDir, tempdir};
use tokio::task::spawn_blocking;

use super::{Run, command, run};
use crate::support::models::model_dir;
use crate::support::sidecar::MODEL;

const UNREACHABLE: &str = "http://127.0.0.1:1";

/// Runs `serve` or `check` with the file `sidecar.toml` and environment variables.
async fn run_with_file(directory: &TempDir, text: &str, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    fs::write(directory.path().join("sidecar.toml"), text).unwrap();
    let mut command = command(directory.path(), UNREACHABLE, arguments);
    command.envs(variables.iter().copied());
    spawn_blocking(move || command.output().unwrap()).await.unwrap().into()
}

#[tokio::test]
async fn a_flag_takes_precedence_over_its_variable_and_that_over_the_file() {
    let directory = tempdir().unwrap();
    let file = "qdrant-url = 'http://localhost'\nmodel = 'org/model'\nthreads = 0\nmax-bytes = 'of file'\nupsert-age = 'of file'\n";
    let variables =
        [("SPLADE_CONFIG", "sidecar.toml"), ("SPLADE_MAX_BYTES", "of variable"), ("SPLADE_UPSERT_AGE", "x")];
    let flags = ["serve", "--max-upsert-delay", "of flag"];
    let served = run_with_file(&directory, file, &variables, &flags).await;
    assert_eq!(served.code, 2);
    for error in [
        "the configuration has 3 error(s):",
        "--threads (sidecar.toml:3) is `0`; expected",
        "--max-in-flight-bytes is `of variable`; expected",
        "--max-upsert-delay is `of flag`; expected",
    ] {
        assert!(served.stderr.contains(error), "{error} is not in: {}", served.stderr);
    }
    let other = run_with_file(&directory, "threads = -1", &variables, &["serve", "--config", "absent.toml"]).await;
    assert!(other.stderr.contains("--config: absent.toml: the file can't be read"), "{}", other.stderr);
}

#[tokio::test]
async fn check_reads_the_file_and_skips_the_store_after_an_unknown_key() {
    let directory = tempdir().unwrap();
    let model = format!("model = '{}'\n", model_dir(MODEL).display());
    let check = ["check", "--config", "sidecar.toml", "--output", "json"];
    let fine = run_with_file(&directory, &format!("{model}store-dir = 'of-file'\nthreads = 2\n"), &[], &check).await;
    assert_eq!(fine.code, 0, "{}{}", fine.stdout, fine.stderr);
    assert_eq!(fine.json()["models"][0]["name"], MODEL);
    assert!(directory.path().join("of-file").is_dir());

    let text = format!("{model}qdrant-ulr = 'http://localhost:1'\n");
    let wrong = run_with_file(&directory, &text, &[], &check).await;
    assert_eq!((wrong.code, &wrong.json()["store"]), (2, &"wrong".into()), "{}", wrong.stdout);
    assert!(wrong.stdout.contains("sidecar.toml:2: unknown key `qdrant-ulr`; did you mean `qdrant-url`?"));
    assert_eq!(wrong.json()["models"][0]["name"], MODEL, "the check continues after an error");
    assert!(!directory.path().join("splade-store").exists());
    // The file does not accept flags that only `check` has.
    let own = run_with_file(&directory, &format!("{model}output = 'json'\n"), &[], &check).await;
    assert!(own.code == 2 && own.stdout.contains("unknown key `output`"), "{}", own.stdout);
}

#[tokio::test]
async fn other_commands_reject_the_config_flag() {
    let directory = tempdir().unwrap();
    let refused = run(directory.path(), UNREACHABLE, &["health", "--config", "sidecar.toml"]).await;
    assert!(refused.code == 2 && refused.stderr.contains("unexpected argument '--config'"), "{}", refused.stderr);
}

#[test]
fn the_documented_example_is_valid() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = fs::read_to_string(page).unwrap();
    let examples: Vec<&str> = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 1);
    let directory = tempdir().unwrap();
    let mut example = examples[0].replace("/etc/splade", directory.path().to_str().unwrap());
    if cfg!(not(feature = "http")) {
        example = example.replace("grpc-web = true\n", "");
    }
    fs::write(directory.path().join("qdrant-key"), "key").unwrap();
    let path = directory.path().join("sidecar.toml");
    fs::write(&path, example).unwrap();
    let matches = ServeArgs::augment_args(Command::new("serve")).get_matches_from([
        "serve".as_ref(),
        "--config".as_ref(),
        path.as_os_str(),
    ]);
    let config = Config::try_from(ServeArgs::from_arg_matches(&matches).unwrap()).unwrap();
    assert_eq!((config.models.len(), config.pipeline.encoders.threads), (2, 8));
    assert!(matches!(config.store, StoreConfig::Qdrant(store) if store.api_key.is_some()));
}

#[tokio::test]
async fn completions_are_printed() {
    let directory = tempdir().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let printed = run(directory.path(), UNREACHABLE, &["completions", shell]).await;
        assert_eq!((printed.code, printed.stderr.as_str()), (0, ""), "{shell}");
        assert!(printed.stdout.contains("reindex") && printed.stdout.contains("store-dir"), "{shell}");
    }
}
