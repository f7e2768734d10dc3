//! Silent connections, and more connections than the limit.

use std::net::SocketAddr;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{Mounted, TIMEOUT, check_health, connect_and_check_health, trusting};
use crate::support::certificates::CertificateAuthority;
use crate::support::endpoint::connect;
use crate::support::process::Process;
use crate::support::sidecar::Sidecar;

/// Number of silent connections; more than the limit of concurrent handshakes.
const SILENT: usize = 300;
const CONNECTIONS: &str = "splade_connections_open{listener=\"tcp\"}";

async fn silent(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(TcpStream::connect(address).await.unwrap());
    }
    all
}

/// Asserts that the oldest connection is evicted long before its timeout.
async fn assert_first_closed(mut silent: Vec<TcpStream>) {
    let mut rest = Vec::new();
    let closed = timeout(TIMEOUT, silent[0].read_to_end(&mut rest)).await.unwrap();
    assert!(closed.is_err() || rest.len() < 64, "{closed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connections_do_not_block_others() {
    let sidecar = Sidecar::start(&["--max-connections", "4"]).await;
    let silent = silent(sidecar.address, SILENT).await;
    timeout(TIMEOUT, check_health(connect(sidecar.address).await)).await.unwrap().unwrap();
    assert_first_closed(silent).await;
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_tls_connections_do_not_block_others() {
    let authority = CertificateAuthority::new("ours");
    let mounted = Mounted::server(&authority.issue());
    let flags = mounted.flags(&[("--tls-cert", "cert"), ("--tls-key", "key"), ("--max-connections", "x")]);
    let mut flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    *flags.last_mut().unwrap() = "4";
    let sidecar = Sidecar::start_in(TempDir::new().unwrap(), &flags).await;
    let silent = silent(sidecar.address, SILENT).await;
    connect_and_check_health(sidecar.address, trusting(&authority)).await.unwrap();
    assert_first_closed(silent).await;
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_without_http_2_are_closed_at_once() {
    let sidecar = Sidecar::start(&[]).await;
    let mut socket = TcpStream::connect(sidecar.address).await.unwrap();
    socket.write_all(b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let ended = timeout(Duration::from_secs(5), socket.read_to_end(&mut answer)).await.unwrap();
    assert!(ended.is_err() || answer.is_empty(), "{answer:?}");
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_over_the_limit_waits_until_another_closes() {
    let directory = TempDir::new().unwrap();
    let process = Process::start(directory.path(), &["--max-connections", "2"]).await;
    // The connection that waited for readiness is closed.
    process.wait_samples(|samples| samples.get(CONNECTIONS) == 0.0).await;
    let (first, second) = (process.channel().await, process.channel().await);
    for channel in [&first, &second] {
        check_health(channel.clone()).await.unwrap();
    }
    process.wait_samples(|samples| samples.get(CONNECTIONS) == 2.0).await;
    let third = process.channel().await;
    let asked = check_health(third);
    tokio::pin!(asked);
    timeout(Duration::from_millis(300), &mut asked).await.expect_err("a third connection is served");
    check_health(second).await.unwrap();
    drop(first);
    timeout(TIMEOUT, asked).await.unwrap().unwrap();
}
