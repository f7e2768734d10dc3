//! A feature that the build lacks is named in the error.

use std::process::Output;

use tempfile::TempDir;
use tokio::process::Command;

/// Runs a command with environment variables and returns its output.
async fn run(directory: &TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_splade-sidecar"));
    command.env_clear().envs(variables.iter().copied()).current_dir(directory.path()).args(arguments);
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    assert!(!status.success(), "{arguments:?}");
    String::from_utf8(stderr).unwrap() + &String::from_utf8(stdout).unwrap()
}

/// Refuses the whole directory before any document is sent.
#[tokio::test]
async fn a_directory_with_an_unsupported_file_is_refused() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("a.jsonl"), "{\"text\": \"one\"}\n").unwrap();
    std::fs::write(directory.path().join("b.parquet"), "PAR1").unwrap();
    let arguments = ["ingest", ".", "--collection", "docs", "--server", "http://127.0.0.1:9", "--give-up-after", "1ms"];
    let output = run(&directory, &arguments, &[]).await;
    assert_eq!(output.contains("b.parquet: Parquet needs the cargo feature"), !cfg!(feature = "parquet"), "{output}");
}

/// Feature name, whether the build has it, the arguments that need it, and environment variables.
type Case<'a> = (&'a str, bool, Vec<&'a str>, &'a [(&'a str, &'a str)]);

/// Each command fails in every build because of another error as well: a missing model, file or server.
#[tokio::test]
async fn a_missing_feature_is_named_in_the_error() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("docs.parquet"), "PAR1").unwrap();
    let serve = ["serve", "--model", "./none", "--listen", "nowhere", "--qdrant-url", "http://127.0.0.1:9"];
    let with = |flags: &[&'static str]| [&serve[..], flags].concat();
    let collector = [("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")];
    let ingest = ["ingest", "docs.parquet", "--collection", "docs", "--server", "http://127.0.0.1:9"];
    let cases: [Case; 8] = [
        ("embedded", cfg!(feature = "embedded"), serve[..5].to_vec(), &[]),
        ("http", cfg!(feature = "http"), with(&["--http-listen", "127.0.0.1:0"]), &[]),
        ("http", cfg!(feature = "http"), with(&["--grpc-web"]), &[]),
        ("otlp", cfg!(feature = "otlp"), with(&["--otlp-endpoint", "http://127.0.0.1:9"]), &[]),
        ("otlp", cfg!(feature = "otlp"), with(&[]), &collector),
        ("parquet", cfg!(feature = "parquet"), ingest.to_vec(), &[]),
        ("verify", cfg!(feature = "verify"), vec!["model", "verify", "--model", "./none"], &[]),
        (
            "verify",
            cfg!(feature = "verify"),
            vec!["check", "--verify", "--model", "./none", "--store-dir", "index"],
            &[],
        ),
    ];
    for (feature, is_there, arguments, variables) in cases {
        let output = run(&directory, &arguments, variables).await;
        let named = output.contains(&format!("needs the cargo feature `{feature}`, which this build is without"));
        assert_eq!(named, !is_there, "{arguments:?}: {output}");
    }
}
