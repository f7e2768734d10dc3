//! Commands against a server with TLS, client certificates and tokens.

use std::process::Stdio;

use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::{Run, command, run};
use crate::support::certificates::CertificateAuthority;
use crate::support::sidecar::Sidecar;

const TOKEN: &str = "token-0123456789";

/// Writes the certificates, keys and tokens of a client and a server.
fn write_files(directory: &TempDir) {
    let authority = CertificateAuthority::new("ours");
    let (server, client) = (authority.issue(), authority.issue());
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    write("ca", &authority.pem());
    write("cert", &server.certificate);
    write("key", &server.key);
    write("client-cert", &client.certificate);
    write("client-key", &client.key);
    write("tokens", TOKEN);
    write("token", &format!("{TOKEN}\n"));
}

/// Runs the binary with the token in the environment.
async fn run_with_token(directory: &TempDir, server: &str, arguments: &[&str]) -> Run {
    let mut command = command(directory.path(), server, arguments);
    command.env("SPLADE_TOKEN", TOKEN).stdin(Stdio::null());
    spawn_blocking(move || command.output().unwrap()).await.unwrap().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn commands_send_the_required_certificates_and_tokens() {
    let directory = TempDir::new().unwrap();
    write_files(&directory);
    let path = |name: &str| directory.path().join(name).display().to_string();
    let flags = ["--tls-cert", &path("cert"), "--tls-key", &path("key"), "--tls-client-ca", &path("ca")];
    let sidecar =
        Sidecar::start_in(TempDir::new().unwrap(), &[&flags[..], &["--auth-tokens", &path("tokens")]].concat()).await;
    let server = format!("https://localhost:{}", sidecar.address.port());
    let tls = ["--tls-ca", "ca", "--tls-cert", "client-cert", "--tls-key", "client-key"];
    let folder_path = directory.path();

    let health = run(folder_path, &server, &[&["health", "--wait", "30s"][..], &tls].concat()).await;
    assert_eq!((health.code, health.stdout.as_str()), (0, "SERVING\n"), "{}", health.stderr);
    let encode = [&["encode", "the moon"][..], &tls].concat();
    let with_file = run(folder_path, &server, &[&encode[..], &["--token-file", "token"]].concat()).await;
    assert_eq!(with_file.code, 0, "{}", with_file.stderr);
    let with_variable = run_with_token(&directory, &server, &encode).await;
    assert_eq!(with_variable.code, 0, "{}", with_variable.stderr);

    let refused = run(folder_path, &server, &encode).await;
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("the call has no token") && refused.stderr.contains("UNAUTHENTICATED"));
    // Without a client certificate, and without the certificate authority.
    for few in [&tls[..2], &[]] {
        let refused =
            run(folder_path, &server, &[&["encode", "the moon", "--token-file", "token"], few].concat()).await;
        assert_eq!(refused.code, 2, "{few:?}: {}", refused.stdout);
        assert!(!refused.stderr.contains(TOKEN), "{}", refused.stderr);
    }
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_name_the_flag() {
    let directory = TempDir::new().unwrap();
    write_files(&directory);
    std::fs::write(directory.path().join("two-lines"), "one\ntwo").unwrap();
    for (server, flags, problem) in [
        ("https://localhost:1", &["--tls-ca", "absent"] as &[&str], "--tls-ca: absent can't be read"),
        ("http://localhost:1", &["--tls-ca", "ca"], "pass https://HOST:PORT"),
        ("http://localhost:1", &["--tls-cert", "cert"], "--tls-key"),
        ("http://localhost:1", &["--token-file", "absent"], "--token-file: absent can't be read"),
        ("http://localhost:1", &["--token-file", "two-lines"], "--token-file contains characters that a header can't"),
        ("http://localhost:1", &["--token-file", "token", "--token", "x"], "cannot be used with"),
    ] {
        let refused = run(directory.path(), server, &[&["health"], flags].concat()).await;
        assert_eq!(refused.code, 2, "{flags:?}");
        assert!(refused.stderr.contains(problem), "{flags:?}: {}", refused.stderr);
    }
}
