//! The HTTP gateway requires the certificates and tokens of the gRPC port.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::{client, error, post, start};
use crate::support::certificates::{CertificateAuthority, SignedCertificate};
use crate::support::http1::{Http1Client, HttpResponse};

const TOKEN: &str = "token-0123456789abcdef";

fn write(directory: &TempDir, name: &str, text: &str) -> String {
    std::fs::write(directory.path().join(name), text).unwrap();
    Path::new(directory.path()).join(name).display().to_string()
}

async fn call(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> HttpResponse {
    let mut client = Http1Client::connect(server).await;
    let kind = if path.starts_with("/v1/ingest") { "application/x-ndjson" } else { "application/json" };
    let headers = [headers, &[("content-type", kind), ("content-length", "2")]].concat();
    let verb = if path == "/openapi.json" { "GET" } else { "POST" };
    client.sender.send_head(verb, path, &headers).await.unwrap();
    client.sender.send_raw(b"{}").await.unwrap();
    client.responses.read_response().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_path_requires_a_token() {
    let directory = TempDir::new().unwrap();
    let sidecar = start(&["--auth-tokens", &write(&directory, "tokens", TOKEN)]).await;
    let door = sidecar.http.unwrap();
    let bearer = format!("Bearer {TOKEN}");
    for path in ["/v1/list_models", "/v1/list_aliases", "/openapi.json"] {
        assert_eq!(call(door, path, &[("authorization", &bearer)]).await.status, 200);
        assert_eq!(call(door, path, &[("x-api-key", TOKEN)]).await.status, 200);
        for wrong in [vec![], vec![("authorization", TOKEN)], vec![("x-api-key", "other-0123456789abcdef")]] {
            let answer = call(door, path, &wrong).await;
            let (status, code, reason, _, message) = error(&answer);
            assert_eq!((status, code, reason.as_str()), (401, 16, "UNAUTHENTICATED"));
            assert!(message.contains("authorization: Bearer TOKEN") && !message.contains("0123456789"), "{message}");
            assert_eq!(answer.headers["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(call(door, "/v1/ingest?collection=docs", &[]).await.status, 401);
    sidecar.stop_drained().await;
}

/// A request without a token is refused before the body is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_read_without_a_token() {
    let directory = TempDir::new().unwrap();
    let sidecar = start(&["--auth-tokens", &write(&directory, "tokens", TOKEN)]).await;
    for (path, kind) in [("/v1/encode", "application/json"), ("/v1/ingest?colection=docs", "application/x-ndjson")] {
        let mut client = client(&sidecar).await;
        let headers = [("content-type", kind), ("content-length", "1000000"), ("expect", "100-continue")];
        client.sender.send_head("POST", path, &headers).await.unwrap();
        assert_eq!(client.responses.read_response().await.status, 401);
    }
    sidecar.stop_drained().await;
}

/// Connects a TLS client that trusts an authority, with an optional client certificate.
async fn connect(
    server: SocketAddr,
    authority: &CertificateAuthority,
    identity: Option<&SignedCertificate>,
) -> std::io::Result<Http1Client<TlsStream<TcpStream>>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(signed) => {
            let certificate = CertificateDer::from_pem_slice(signed.certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(signed.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let stream = TcpStream::connect(server).await?;
    let name = "localhost".try_into().unwrap();
    Ok(Http1Client::from_stream(TlsConnector::from(Arc::new(config)).connect(name, stream).await?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_settings_are_those_of_the_grpc_port() {
    let directory = TempDir::new().unwrap();
    let (servers, clients) = (CertificateAuthority::new("servers"), CertificateAuthority::new("clients"));
    let signed = servers.issue();
    let cert = write(&directory, "cert", &signed.certificate);
    let (key, ca) = (write(&directory, "key", &signed.key), write(&directory, "ca", &clients.pem()));
    let flags = ["--tls-cert", &cert, "--tls-key", &key, "--tls-client-ca", &ca, "--http-listen", "127.0.0.1:0"];
    let store = TempDir::new().unwrap();
    let config = crate::support::sidecar::parse_config(&store.path().join("store"), &flags);
    let server = splade_sidecar::app::Server::bind(config).await.unwrap();
    let door = server.http_address().unwrap();
    let mut client = connect(door, &servers, Some(&clients.issue())).await.unwrap();
    // The server responds while it is still starting.
    let answer = client.post("/v1/list_models", &json!({})).await;
    assert_eq!((answer.status, error(&answer).2.as_str()), (503, "STARTING"));
    // With TLS 1.3, a client learns only at its first read that its certificate was refused.
    let without = connect(door, &servers, None).await;
    if let Ok(mut client) = without {
        let sent = client.sender.send_head("GET", "/openapi.json", &[]).await;
        assert!(sent.is_err() || client.responses.is_closed().await);
    }
    assert!(
        connect(door, &clients, Some(&clients.issue())).await.is_err(),
        "a server certificate of the wrong authority was accepted"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_http_gateway_is_off_by_default() {
    let sidecar = crate::support::sidecar::Sidecar::start(&[]).await;
    assert_eq!(sidecar.http, None);
    sidecar.stop_drained().await;
    let sidecar = start(&[]).await;
    post(&sidecar, "/v1/list_models", json!({})).await.expect_ok();
    sidecar.stop_drained().await;
}
