//! A server of its own for a test, in this process, on real sockets.

use std::net::SocketAddr;
use std::path::Path;

use clap::Parser;
use splade_sidecar::app::{Ended, Server};
use splade_sidecar::config::{Config, ServeArgs};
use splade_sidecar::proto::encoder_service_client::EncoderServiceClient;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use splade_sidecar::proto::{Document, DocumentResult, EncodeOptions, EncodeRequest, EncodedText, IngestOptions};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::documents::{encoded, messages, stream};
use super::models::folder;
use super::qdrant_server::QdrantServer;

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

    /// Streams documents, 20 a message, and gives their results in order; see [`stream`] for what is asserted.
    pub async fn ingest(&self, options: IngestOptions, documents: Vec<Document>) -> Vec<DocumentResult> {
        stream(&mut self.index().await, messages(options, encoded(documents), 20)).await
    }

    /// Encodes texts, 256 a call.
    pub async fn encode(&self, options: EncodeOptions, texts: &[String]) -> Vec<EncodedText> {
        let mut client = self.encoder().await;
        let mut all = Vec::new();
        for texts in texts.chunks(256) {
            let request = EncodeRequest { options: Some(options.clone()), texts: texts.to_vec() };
            all.extend(client.encode(request).await.unwrap().into_inner().results);
        }
        all
    }

    /// What the metrics page says.
    pub async fn metrics(&self) -> String {
        metrics_page(self.metrics).await
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

/// What a metrics page says.
pub async fn metrics_page(address: SocketAddr) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut page = String::new();
    socket.read_to_string(&mut page).await.unwrap();
    page
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
