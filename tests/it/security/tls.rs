//! TLS of the gRPC address, with and without certificates of clients.

use tempfile::TempDir;

use super::{Mounted, ask, connect, connect_and_ask, eventually, identity, trusting, watchful};
use crate::support::certificates::Authority;
use crate::support::endpoint;
use crate::support::sidecar::Sidecar;

const FILES: &[(&str, &str)] = &[("--tls-cert", "cert"), ("--tls-key", "key")];
const MUTUAL: &[(&str, &str)] = &[("--tls-cert", "cert"), ("--tls-key", "key"), ("--tls-client-ca", "ca")];

async fn start(mounted: &Mounted, flags: &[(&str, &str)]) -> Sidecar {
    let folder = TempDir::new().unwrap();
    let config = watchful(&folder, &mounted.flags(flags));
    Sidecar::start_with(folder, config).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_clients_that_speak_it_and_trust_the_server_are_served() {
    let (authority, other) = (Authority::new("ours"), Authority::new("other"));
    let mounted = Mounted::server(&authority.sign());
    let sidecar = start(&mounted, FILES).await;
    connect_and_ask(sidecar.address, trusting(&authority)).await.unwrap();
    connect_and_ask(sidecar.address, trusting(&other)).await.unwrap_err();
    ask(endpoint::connect(sidecar.address).await).await.unwrap_err();
    sidecar.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mutual_tls_wants_a_certificate_that_was_signed_for_clients() {
    let (servers, clients, other) = (Authority::new("servers"), Authority::new("clients"), Authority::new("other"));
    let signed = servers.sign();
    let mounted = Mounted::new(&[("cert", &signed.certificate), ("key", &signed.key), ("ca", &clients.pem())]);
    let sidecar = start(&mounted, MUTUAL).await;
    connect_and_ask(sidecar.address, trusting(&servers).identity(identity(&clients.sign()))).await.unwrap();
    connect_and_ask(sidecar.address, trusting(&servers)).await.unwrap_err();
    for wrong in [servers.sign(), other.sign()] {
        connect_and_ask(sidecar.address, trusting(&servers).identity(identity(&wrong))).await.unwrap_err();
    }
    sidecar.end().await;
}

fn borrowed<'a>(files: &'a [(&'static str, String); 3]) -> [(&'static str, &'a str); 3] {
    files.each_ref().map(|(name, text)| (*name, text.as_str()))
}

/// Certificate, key and authority at once, as a secret is replaced. A connection that is open lives on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_replaced_under_open_connections() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let files = |authority: &Authority| {
        let signed = authority.sign();
        [("cert", signed.certificate), ("key", signed.key), ("ca", authority.pem())]
    };
    let mut mounted = Mounted::new(&borrowed(&files(&old)));
    let sidecar = start(&mounted, MUTUAL).await;
    let client = |authority: &Authority| trusting(authority).identity(identity(&authority.sign()));
    let open = connect(sidecar.address, client(&old)).await.unwrap();
    ask(open.clone()).await.unwrap();

    // What can't be used changes nothing.
    mounted.replace(&[("cert", "no certificate"), ("key", ""), ("ca", "")]);
    mounted.replace(&borrowed(&files(&new)));
    eventually("the new certificate", async || connect_and_ask(sidecar.address, client(&new)).await.is_ok()).await;
    ask(open).await.unwrap();
    // Neither does the client trust the server any more, nor the server the client.
    connect_and_ask(sidecar.address, client(&old)).await.unwrap_err();
    connect_and_ask(sidecar.address, trusting(&new).identity(identity(&old.sign()))).await.unwrap_err();
    sidecar.end().await;
}
