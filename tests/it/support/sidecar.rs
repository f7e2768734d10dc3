//! A server per test, in the process of the test, on real sockets.

use std::ops::Deref;
use std::path::Path;

use clap::Parser;
use splade_sidecar::app::{Server, ShutdownOutcome};
use splade_sidecar::config::{Config, ServeArgs};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::endpoint::Endpoint;
use super::models::model_dir;
use super::qdrant_server::QdrantServer;
use super::store_flags::{has_store_flag, own_store_flags};

/// The default model of tests.
pub const MODEL: &str = "bert-random-tied";

/// A running server with its own directory.
pub struct Sidecar {
    endpoint: Endpoint,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<anyhow::Result<ShutdownOutcome>>,
    pub dir: TempDir,
}

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    args: ServeArgs,
}

/// Parses flags as on the command line and returns the configuration of a server on free ports.
pub fn parse_config(store: &Path, flags: &[&str]) -> Config {
    let model = model_dir(MODEL);
    let store_flags = own_store_flags(store);
    let mut arguments = vec!["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    if !has_store_flag(flags) {
        arguments.extend(store_flags.iter().map(String::as_str));
    }
    if !flags.contains(&"--model") {
        arguments.extend(["--model", model.to_str().unwrap()]);
    }
    arguments.extend(flags);
    Config::try_from(CommandLine::parse_from(arguments).args).unwrap()
}

impl Sidecar {
    /// Starts a server with a small random model, an embedded store and additional flags, and waits until it is ready.
    pub async fn start(flags: &[&str]) -> Self {
        let sidecar = Self::start_in(TempDir::new().unwrap(), flags).await;
        sidecar.wait_serving().await;
        sidecar
    }

    /// Like [`Self::start`], in a directory that may already contain a store; does not wait.
    pub async fn start_in(dir: TempDir, flags: &[&str]) -> Self {
        let config = parse_config(&dir.path().join("store"), flags);
        Self::start_with(dir, config).await
    }

    /// Starts a server with a configuration and the directory that it uses; does not wait.
    pub async fn start_with(dir: TempDir, config: Config) -> Self {
        let server = Server::bind(config).await.unwrap();
        let metrics = server.metrics_address().unwrap();
        let endpoint = Endpoint { address: server.grpc_address(), metrics, http: server.http_address() };
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run(async move {
            let _dropped = stopped.await;
        }));
        Self { endpoint, stop: Some(stop), task, dir }
    }

    /// Begins a shutdown, as SIGTERM does. The server drains in the background.
    pub fn begin_stop(&mut self) {
        self.stop.take();
    }

    /// Stops the server and waits until it has shut down.
    pub async fn stop(mut self) -> (ShutdownOutcome, TempDir) {
        self.begin_stop();
        (self.task.await.unwrap().unwrap(), self.dir)
    }

    /// Like [`Self::stop`], and asserts that no call was in flight.
    pub async fn stop_drained(self) {
        assert_eq!(self.stop().await.0, ShutdownOutcome::Drained);
    }
}

impl Deref for Sidecar {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// Runs a test on a server with an embedded store and on one with a Qdrant server, and shuts each down cleanly.
pub async fn on_both_stores(test: impl AsyncFn(&Sidecar)) {
    let qdrant = QdrantServer::start();
    for flags in [&[] as &[&str], &["--qdrant-url", &qdrant.url()]] {
        let sidecar = Sidecar::start(flags).await;
        test(&sidecar).await;
        sidecar.stop_drained().await;
    }
}
