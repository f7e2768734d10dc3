//! A server of its own for a test, in this process, on real sockets.

use std::ops::Deref;
use std::path::Path;

use clap::Parser;
use splade_sidecar::app::{Ended, Server};
use splade_sidecar::config::{Config, ServeArgs};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::endpoint::Endpoint;
use super::models::folder;
use super::own_store::{choose_store, own_store};
use super::qdrant_server::QdrantServer;

/// The model that tests use unless they ask for another.
pub const MODEL: &str = "bert-random-tied";

/// A running server, with a folder of its own.
pub struct Sidecar {
    endpoint: Endpoint,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<anyhow::Result<Ended>>,
    pub folder: TempDir,
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ServeArgs,
}

/// The configuration of a server on free ports, with flags as one would type them.
pub fn config(store: &Path, flags: &[&str]) -> Config {
    let model = folder(MODEL);
    let own_store = own_store(store);
    let mut line = vec!["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    if !choose_store(flags) {
        line.extend(own_store.iter().map(String::as_str));
    }
    if !flags.contains(&"--model") {
        line.extend(["--model", model.to_str().unwrap()]);
    }
    line.extend(flags);
    Config::try_from(Line::parse_from(line).args).unwrap()
}

impl Sidecar {
    /// A server on a small random model and an embedded store, with these flags beside; waits until it serves.
    pub async fn start(flags: &[&str]) -> Self {
        let sidecar = Self::start_in(TempDir::new().unwrap(), flags).await;
        sidecar.wait_serving().await;
        sidecar
    }

    /// The same in a folder that may hold a store already; does not wait.
    pub async fn start_in(folder: TempDir, flags: &[&str]) -> Self {
        let config = config(&folder.path().join("store"), flags);
        Self::start_with(folder, config).await
    }

    /// A server with this configuration, and a folder that goes with it; does not wait.
    pub async fn start_with(folder: TempDir, config: Config) -> Self {
        let server = Server::bind(config).await.unwrap();
        let metrics = server.metrics_address().unwrap();
        let endpoint = Endpoint { address: server.address(), metrics, http: server.http_address() };
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run(async move {
            let _dropped = stopped.await;
        }));
        Self { endpoint, stop: Some(stop), task, folder }
    }

    /// Tells the server to stop, as SIGTERM does; it drains meanwhile.
    pub fn begin_stop(&mut self) {
        self.stop.take();
    }

    /// Stops the server and waits for its end.
    pub async fn stop(mut self) -> (Ended, TempDir) {
        self.begin_stop();
        (self.task.await.unwrap().unwrap(), self.folder)
    }

    /// The same, for a server that has nothing left to do.
    pub async fn end(self) {
        assert_eq!(self.stop().await.0, Ended::Drained);
    }
}

impl Deref for Sidecar {
    type Target = Endpoint;

    fn deref(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// Tries the same on a server with an embedded store and on one with a Qdrant server, and stops each in order.
pub async fn on_both_stores(test: impl AsyncFn(&Sidecar)) {
    let qdrant = QdrantServer::start();
    for flags in [&[] as &[&str], &["--qdrant-url", &qdrant.url()]] {
        let sidecar = Sidecar::start(flags).await;
        test(&sidecar).await;
        sidecar.end().await;
    }
}
