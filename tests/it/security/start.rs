//! Invalid files are errors at startup that name the flag and never repeat the file's content.

use splade_sidecar::app::Server;
use tempfile::TempDir;

use super::{Mounted, fast_reload_config};
use crate::support::certificates::CertificateAuthority;

#[tokio::test]
async fn invalid_files_name_their_flag() {
    let authority = CertificateAuthority::new("ours");
    let (signed, other) = (authority.issue(), authority.issue());
    let one_line = format!("-----BEGIN PRIVATE KEY-----{}", signed.key.replace('\n', ""));
    let mounted = Mounted::new(&[
        ("cert", &signed.certificate),
        ("key", &signed.key),
        ("other-key", &other.key),
        ("one-line", &one_line),
        ("empty", ""),
        ("short", "0123456789abcdef\nhunter2\n"),
    ]);
    let tls = |cert, key| vec![("--tls-cert", cert), ("--tls-key", key)];
    let cases = [
        (tls("absent", "key"), "--tls-cert", "can't be read"),
        (tls("key", "key"), "--tls-cert", "contains no PEM certificate"),
        (tls("empty", "key"), "--tls-cert", "contains no PEM certificate"),
        (tls("cert", "absent"), "--tls-key", "can't be read"),
        (tls("cert", "cert"), "--tls-key", "contains no unencrypted PEM private key"),
        (tls("cert", "one-line"), "--tls-key", "contains no unencrypted PEM private key"),
        (tls("cert", "other-key"), "--tls-key", "use the private key of that certificate"),
        (
            [tls("cert", "key"), vec![("--tls-client-ca", "empty")]].concat(),
            "--tls-client-ca",
            "contains no PEM certificate",
        ),
        (vec![("--auth-tokens", "absent")], "--auth-tokens", "can't be read"),
        (vec![("--auth-tokens", "empty")], "--auth-tokens", "no tokens found; write one token per line"),
        (vec![("--auth-tokens", "short")], "--auth-tokens", "line 2 has 7 characters; use at least 16"),
    ];
    for (flags, flag, problem) in cases {
        let directory = TempDir::new().unwrap();
        let error = Server::bind(fast_reload_config(&directory, &mounted.flags(&flags))).await.unwrap_err();
        let error = format!("{error:#}");
        let named = flags.iter().find(|(name, _)| *name == flag).map(|(_, file)| mounted.path(file)).unwrap();
        assert!(error.starts_with(flag) && error.contains(named.to_str().unwrap()), "{error}");
        assert!(error.contains(problem), "{error}");
        assert!(!error.contains("hunter2") && !error.contains(&signed.key[40..60]), "{error}");
    }
}
