//! A server of its own for a test, in this process, on real sockets.

use std::net::SocketAddr;
use std::path::Path;

use clap::Parser;
use splade_sidecar::app::{Ended, Server};
use splade_sidecar::config::{Config, ServeArgs};
use splade_sidecar::proto::encoder_service_client::EncoderServiceClient;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::models::folder;

/// The model that tests use unless they ask for another.
pub const MODEL: &str = "bert-random-tied";

/// A running server, with a folder of its own.
pub struct Sidecar {
    pub address: SocketAddr,
    pub metrics: SocketAddr,
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
    let mut line = vec!["serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"];
    line.extend(["--store-dir", store.to_str().unwrap()]);
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
        let server = Server::bind(config(&folder.path().join("store"), flags)).await.unwrap();
        let (address, metrics) = (server.address(), server.metrics_address().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(server.run(async move {
            let _dropped = stopped.await;
        }));
        Self { address, metrics, stop: Some(stop), task, folder }
    }

    pub async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    pub async fn encoder(&self) -> EncoderServiceClient<Channel> {
        EncoderServiceClient::new(self.channel().await)
    }

    pub async fn index(&self) -> IndexServiceClient<Channel> {
        IndexServiceClient::new(self.channel().await).max_decoding_message_size(usize::MAX)
    }

    /// Waits until the server as a whole says that it serves.
    pub async fn wait_serving(&self) {
        self.wait_health("", ServingStatus::Serving).await;
    }

    /// Waits until a service's health is `status`, by watching it.
    pub async fn wait_health(&self, service: &str, status: ServingStatus) {
        let mut client = HealthClient::new(self.channel().await);
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut statuses = client.watch(request).await.unwrap().into_inner();
        while let Some(current) = statuses.message().await.unwrap() {
            if current.status() == status {
                return;
            }
        }
        panic!("the server ended before `{service}` was {status:?}");
    }

    /// What the metrics page says.
    pub async fn metrics(&self) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut socket = tokio::net::TcpStream::connect(self.metrics).await.unwrap();
        socket.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut page = String::new();
        socket.read_to_string(&mut page).await.unwrap();
        page
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
}
