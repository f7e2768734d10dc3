//! Addresses of a running server, and clients that connect to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use splade_sidecar::proto::encoder_service_client::EncoderServiceClient;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use splade_sidecar::proto::{
    Collection, Document, EncodeRequest, EncodedText, GetCollectionRequest, IngestOptions, OperationResult,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use tonic::transport::Channel;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use super::documents::{build_messages, encode_documents, run_stream};

/// Timeout of each wait in a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The addresses of a running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    pub address: SocketAddr,
    pub metrics: SocketAddr,
    /// Address of the HTTP gateway, if it is enabled.
    pub http: Option<SocketAddr>,
}

impl Endpoint {
    /// Opens a new connection.
    pub async fn channel(&self) -> Channel {
        connect(self.address).await
    }

    pub async fn encoder_client(&self) -> EncoderServiceClient<Channel> {
        EncoderServiceClient::new(self.channel().await)
    }

    pub async fn index_client(&self) -> IndexServiceClient<Channel> {
        IndexServiceClient::new(self.channel().await).max_decoding_message_size(usize::MAX)
    }

    /// Waits until the overall health is SERVING.
    pub async fn wait_serving(&self) {
        self.wait_health("", ServingStatus::Serving).await;
    }

    /// Waits until the health of a service is `status`, with a `Watch` call.
    pub async fn wait_health(&self, service: &str, status: ServingStatus) {
        let mut client = HealthClient::new(self.channel().await);
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut statuses = client.watch(request).await.unwrap().into_inner();
        while let Some(current) = statuses.message().await.unwrap() {
            if current.status() == status {
                return;
            }
        }
        panic!("the health stream ended before `{service}` was {status:?}");
    }

    /// Ingests documents, 20 per message, and returns their results in order. See [`run_stream`] for the assertions.
    pub async fn ingest(&self, options: IngestOptions, documents: Vec<Document>) -> Vec<OperationResult> {
        run_stream(&mut self.index_client().await, build_messages(options, encode_documents(documents), 20)).await
    }

    /// Encodes texts, 256 per call, with the settings of `request`.
    pub async fn encode(&self, request: EncodeRequest, texts: &[String]) -> Vec<EncodedText> {
        let mut client = self.encoder_client().await;
        let mut all = Vec::new();
        for texts in texts.chunks(256) {
            let request = EncodeRequest { texts: texts.to_vec(), ..request.clone() };
            all.extend(client.encode(request).await.unwrap().into_inner().results);
        }
        all
    }

    /// Returns the current health of a service.
    pub async fn health(&self, service: &str) -> ServingStatus {
        health(&mut HealthClient::new(self.channel().await), service).await
    }

    /// Returns a collection, by its name or an alias.
    pub async fn collection(&self, name: &str) -> Collection {
        let request = GetCollectionRequest { collection: name.to_owned() };
        self.index_client().await.get_collection(request).await.unwrap().into_inner().collection.unwrap()
    }

    /// Returns the number of documents in a collection.
    pub async fn point_count(&self, collection: &str) -> u64 {
        u64::try_from(self.collection(collection).await.point_count).unwrap()
    }

    /// Returns the text of the metrics page.
    pub async fn metrics(&self) -> String {
        self.get_page("/metrics", "text/plain").await
    }

    /// Returns the response of the metrics port, including its headers.
    pub async fn get_page(&self, path: &str, accept: &str) -> String {
        let mut socket = TcpStream::connect(self.metrics).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut page = String::new();
        socket.read_to_string(&mut page).await.unwrap();
        page
    }

    /// Returns the metrics by name and labels. All servers of a process share their metrics, so tests of metrics run a
    /// [`Process`](super::process::Process).
    pub async fn samples(&self) -> Samples {
        let page = self.metrics().await;
        let lines = page.lines().filter(|line| line.starts_with("splade_"));
        let samples = lines.filter_map(|line| line.rsplit_once(' '));
        Samples(samples.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect())
    }

    /// Waits until the metrics meet a condition.
    pub async fn wait_samples(&self, mut condition: impl FnMut(&Samples) -> bool) -> Samples {
        let mut ticks = interval(Duration::from_millis(20));
        let met = async {
            loop {
                ticks.tick().await;
                let samples = self.samples().await;
                if condition(&samples) {
                    return samples;
                }
            }
        };
        match timeout(TEST_TIMEOUT, met).await {
            Ok(samples) => samples,
            Err(_) => panic!("condition not met within {TEST_TIMEOUT:?}: {:#?}", self.samples().await),
        }
    }
}

/// Metrics at one point in time.
#[derive(Debug, Clone)]
pub struct Samples(BTreeMap<String, f64>);

impl Samples {
    /// Returns the value of a name with labels, or for a bare name the sum over all its labels. The default is 0.
    pub fn get(&self, name: &str) -> f64 {
        let labelled = format!("{name}{{");
        let of_name = self.0.iter().filter(|(sample, _)| *sample == name || sample.starts_with(&labelled));
        of_name.map(|(_, value)| value).sum()
    }

    /// Returns every metric name, including its labels.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Connects to a server.
pub async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

/// Returns the current health of a service, over an existing connection.
pub async fn health(client: &mut HealthClient<Channel>, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    client.check(request).await.unwrap().into_inner().status()
}
