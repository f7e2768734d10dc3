//! Authentication, TLS and limits, over real sockets.

mod connections;
mod limits;
mod secrets;
mod socket;
mod start;
mod tls;
mod tokens;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use splade_sidecar::config::Config;
use tempfile::TempDir;
use tokio::time::{interval, timeout};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::certificates::{CertificateAuthority, SignedCertificate};
use crate::support::sidecar::parse_config;

/// Timeout of each wait.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Interval at which the servers of these tests reload their files.
const RELOAD_INTERVAL: Duration = Duration::from_millis(20);

/// Files of a server in the layout of a Kubernetes secret mount: each is a link into a directory that is itself a
/// link, which is switched to replace all of them at once.
struct Mounted {
    directory: TempDir,
    version: usize,
}

impl Mounted {
    fn new(files: &[(&str, &str)]) -> Self {
        let mounted = Self { directory: TempDir::new().unwrap(), version: 0 };
        let mut mounted = mounted;
        mounted.replace(files);
        for (name, _) in files {
            std::os::unix::fs::symlink(PathBuf::from("data").join(name), mounted.path(name)).unwrap();
        }
        mounted
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn replace(&mut self, files: &[(&str, &str)]) {
        self.version += 1;
        let version = format!("v{}", self.version);
        std::fs::create_dir(self.path(&version)).unwrap();
        for (name, text) in files {
            std::fs::write(self.path(&version).join(name), text).unwrap();
        }
        std::os::unix::fs::symlink(version, self.path("switched")).unwrap();
        std::fs::rename(self.path("switched"), self.path("data")).unwrap();
    }

    /// Mounts the files of a server with this certificate.
    fn server(signed: &SignedCertificate) -> Self {
        Self::new(&[("cert", &signed.certificate), ("key", &signed.key)])
    }

    /// Returns flags with the paths of mounted files as their values.
    fn flags(&self, flags: &[(&str, &str)]) -> Vec<String> {
        flags.iter().flat_map(|(flag, name)| [(*flag).to_owned(), self.path(name).display().to_string()]).collect()
    }
}

/// Returns the configuration of a server that reloads its files at [`RELOAD_INTERVAL`].
fn fast_reload_config(store: &TempDir, flags: &[String]) -> Config {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut config = parse_config(&store.path().join("store"), &flags);
    config.security.reload_interval = RELOAD_INTERVAL;
    config
}

/// Returns the TLS configuration of a client that trusts an authority.
fn trusting(authority: &CertificateAuthority) -> ClientTlsConfig {
    ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority.pem())).domain_name("localhost")
}

fn identity(signed: &SignedCertificate) -> Identity {
    Identity::from_pem(&signed.certificate, &signed.key)
}

async fn connect(address: SocketAddr, tls: ClientTlsConfig) -> anyhow::Result<Channel> {
    Ok(Channel::from_shared(format!("https://{address}"))?.tls_config(tls)?.connect().await?)
}

/// Calls the health service; any response is a success.
async fn check_health(channel: Channel) -> anyhow::Result<()> {
    HealthClient::new(channel).check(HealthCheckRequest::default()).await?;
    Ok(())
}

/// Connects and calls the health service.
async fn connect_and_check_health(address: SocketAddr, tls: ClientTlsConfig) -> anyhow::Result<()> {
    timeout(TIMEOUT, async { check_health(connect(address, tls).await?).await }).await?
}

/// Polls until the condition holds.
async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let mut ticks = interval(RELOAD_INTERVAL);
    let tries = async {
        loop {
            ticks.tick().await;
            if holds().await {
                return;
            }
        }
    };
    timeout(TIMEOUT, tries).await.unwrap_or_else(|_| panic!("{what}: not within {TIMEOUT:?}"));
}
