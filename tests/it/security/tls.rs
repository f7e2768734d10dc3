//! TLS of the gRPC address, with and without client certificates.

use tempfile::TempDir;

use super::{
    Mounted, check_health, connect, connect_and_check_health, eventually, fast_reload_config, identity, trusting,
};
use crate::support::certificates::CertificateAuthority;
use crate::support::endpoint;
use crate::support::sidecar::Sidecar;

const FILES: &[(&str, &str)] = &[("--tls-cert", "cert"), ("--tls-key", "key")];
const MUTUAL: &[(&str, &str)] = &[("--tls-cert", "cert"), ("--tls-key", "key"), ("--tls-client-ca", "ca")];

async fn start(mounted: &Mounted, flags: &[(&str, &str)]) -> Sidecar {
    let directory = TempDir::new().unwrap();
    let config = fast_reload_config(&directory, &mounted.flags(flags));
    Sidecar::start_with(directory, config).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_tls_clients_that_trust_the_server_are_served() {
    let (authority, other) = (CertificateAuthority::new("ours"), CertificateAuthority::new("other"));
    let mounted = Mounted::server(&authority.issue());
    let sidecar = start(&mounted, FILES).await;
    connect_and_check_health(sidecar.address, trusting(&authority)).await.unwrap();
    connect_and_check_health(sidecar.address, trusting(&other)).await.unwrap_err();
    check_health(endpoint::connect(sidecar.address).await).await.unwrap_err();
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutual_tls_requires_a_signed_client_certificate() {
    let (servers, clients, other) = (
        CertificateAuthority::new("servers"),
        CertificateAuthority::new("clients"),
        CertificateAuthority::new("other"),
    );
    let signed = servers.issue();
    let mounted = Mounted::new(&[("cert", &signed.certificate), ("key", &signed.key), ("ca", &clients.pem())]);
    let sidecar = start(&mounted, MUTUAL).await;
    connect_and_check_health(sidecar.address, trusting(&servers).identity(identity(&clients.issue()))).await.unwrap();
    connect_and_check_health(sidecar.address, trusting(&servers)).await.unwrap_err();
    for wrong in [servers.issue(), other.issue()] {
        connect_and_check_health(sidecar.address, trusting(&servers).identity(identity(&wrong))).await.unwrap_err();
    }
    sidecar.stop_drained().await;
}

fn borrowed<'a>(files: &'a [(&'static str, String); 3]) -> [(&'static str, &'a str); 3] {
    files.each_ref().map(|(name, text)| (*name, text.as_str()))
}

/// Replaces certificate, key and authority at once, as an update of a Kubernetes secret does. Open connections stay open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_replaced_under_open_connections() {
    let (old, new) = (CertificateAuthority::new("old"), CertificateAuthority::new("new"));
    let files = |authority: &CertificateAuthority| {
        let signed = authority.issue();
        [("cert", signed.certificate), ("key", signed.key), ("ca", authority.pem())]
    };
    let mut mounted = Mounted::new(&borrowed(&files(&old)));
    let sidecar = start(&mounted, MUTUAL).await;
    let client = |authority: &CertificateAuthority| trusting(authority).identity(identity(&authority.issue()));
    let open = connect(sidecar.address, client(&old)).await.unwrap();
    check_health(open.clone()).await.unwrap();

    // Invalid files leave the current ones in use.
    mounted.replace(&[("cert", "no certificate"), ("key", ""), ("ca", "")]);
    mounted.replace(&borrowed(&files(&new)));
    eventually("the new certificate", async || connect_and_check_health(sidecar.address, client(&new)).await.is_ok())
        .await;
    check_health(open).await.unwrap();
    // Client and server no longer trust each other.
    connect_and_check_health(sidecar.address, client(&old)).await.unwrap_err();
    connect_and_check_health(sidecar.address, trusting(&new).identity(identity(&old.issue()))).await.unwrap_err();
    sidecar.stop_drained().await;
}
