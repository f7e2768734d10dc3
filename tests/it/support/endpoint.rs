//! Where a server listens, and the clients to it.

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

/// How long anything may take before a test fails.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// The addresses of a running server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    pub address: SocketAddr,
    pub metrics: SocketAddr,
    /// Where JSON is served, if it is.
    pub http: Option<SocketAddr>,
}

impl Endpoint {
    /// A connection of its own.
    pub async fn channel(&self) -> Channel {
        connect(self.address).await
    }

    pub async fn encoder_client(&self) -> EncoderServiceClient<Channel> {
        EncoderServiceClient::new(self.channel().await)
    }

    pub async fn index_client(&self) -> IndexServiceClient<Channel> {
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
    pub async fn ingest(&self, options: IngestOptions, documents: Vec<Document>) -> Vec<OperationResult> {
        run_stream(&mut self.index_client().await, build_messages(options, encode_documents(documents), 20)).await
    }

    /// Encodes texts, 256 a call, as this request says.
    pub async fn encode(&self, request: EncodeRequest, texts: &[String]) -> Vec<EncodedText> {
        let mut client = self.encoder_client().await;
        let mut all = Vec::new();
        for texts in texts.chunks(256) {
            let request = EncodeRequest { texts: texts.to_vec(), ..request.clone() };
            all.extend(client.encode(request).await.unwrap().into_inner().results);
        }
        all
    }

    /// What a service's health is now.
    pub async fn health(&self, service: &str) -> ServingStatus {
        health(&mut HealthClient::new(self.channel().await), service).await
    }

    /// A collection, by its name or an alias.
    pub async fn collection(&self, name: &str) -> Collection {
        let request = GetCollectionRequest { collection: name.to_owned() };
        self.index_client().await.get_collection(request).await.unwrap().into_inner().collection.unwrap()
    }

    /// How many documents a collection has.
    pub async fn point_count(&self, collection: &str) -> u64 {
        u64::try_from(self.collection(collection).await.point_count).unwrap()
    }

    /// What the metrics page says.
    pub async fn metrics(&self) -> String {
        self.get_page("/metrics", "text/plain").await
    }

    /// The answer of the metrics port, with its headers.
    pub async fn get_page(&self, path: &str, accept: &str) -> String {
        let mut socket = TcpStream::connect(self.metrics).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut page = String::new();
        socket.read_to_string(&mut page).await.unwrap();
        page
    }

    /// The metrics by name and labels. Servers of one process share their metrics: ask a process of its own.
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
            Err(_) => panic!("it did not happen in {TEST_TIMEOUT:?}: {:#?}", self.samples().await),
        }
    }
}

/// Metrics at one moment.
#[derive(Debug, Clone)]
pub struct Samples(BTreeMap<String, f64>);

impl Samples {
    /// The value of a name with its labels, or of a name alone the sum over all of its labels; 0 where it was never set.
    pub fn get(&self, name: &str) -> f64 {
        let labelled = format!("{name}{{");
        let of_name = self.0.iter().filter(|(sample, _)| *sample == name || sample.starts_with(&labelled));
        of_name.map(|(_, value)| value).sum()
    }

    /// Every name, with its labels.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// A connection to a server.
pub async fn connect(address: SocketAddr) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

/// What a service's health is now, asked on a connection that is there already.
pub async fn health(client: &mut HealthClient<Channel>, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    client.check(request).await.unwrap().into_inner().status()
}
