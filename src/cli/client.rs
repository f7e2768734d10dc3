//! The connection that every client command opens.

use std::time::Duration;

use anyhow::{Context, anyhow};
use tokio::time::timeout;
use tonic::Request;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use super::duration;
use crate::proto::encoder_service_client::EncoderServiceClient;
use crate::proto::index_service_client::IndexServiceClient;

/// More than any answer of the server: 1,000 hits, each with a text of 1 MiB, are an answer that was asked for.
const MAX_RESPONSE_BYTES: usize = 2 << 30;

/// How often an idle peer is asked whether it is still there, so that a dead connection doesn't hang a stream.
const KEEPALIVE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct ClientArgs {
    /// The server's address: http://HOST:PORT, https://HOST:PORT or unix:/PATH.
    #[arg(long, env = "SPLADE_SERVER", default_value = "http://127.0.0.1:50051", value_name = "URL")]
    server: String,
    /// Give up on connecting, and on each call but `ingest`, after this long: 500ms, 30s, 2m.
    #[arg(long, env = "SPLADE_TIMEOUT", default_value = "60s", value_name = "TIME", value_parser = duration::parse)]
    timeout: Duration,
}

impl ClientArgs {
    /// Connects.
    pub async fn connect(&self) -> anyhow::Result<Channel> {
        let endpoint = self.endpoint()?;
        let connected = match timeout(self.timeout, endpoint.connect()).await {
            Ok(connected) => connected.map_err(anyhow::Error::from),
            Err(_) => Err(anyhow!("no answer within {:?}", self.timeout)),
        };
        connected.with_context(|| self.unreachable())
    }

    /// A client of the index service.
    pub async fn index(&self) -> anyhow::Result<IndexServiceClient<Channel>> {
        Ok(IndexServiceClient::new(self.connect().await?).max_decoding_message_size(MAX_RESPONSE_BYTES))
    }

    /// A client of the encoder service.
    pub async fn encoder(&self) -> anyhow::Result<EncoderServiceClient<Channel>> {
        Ok(EncoderServiceClient::new(self.connect().await?).max_decoding_message_size(MAX_RESPONSE_BYTES))
    }

    /// A request with its deadline, which the server learns too.
    pub fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    fn endpoint(&self) -> anyhow::Result<Endpoint> {
        let invalid = || format!("--server `{}` is no address: give http://HOST:PORT or unix:/PATH", self.server);
        let endpoint = Endpoint::from_shared(self.server.clone()).with_context(invalid)?;
        let endpoint = endpoint.http2_keep_alive_interval(KEEPALIVE).connect_timeout(self.timeout);
        if self.server.starts_with("https:") {
            return endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).with_context(invalid);
        }
        Ok(endpoint)
    }

    fn unreachable(&self) -> String {
        format!(
            "can't connect to {}; is the server running? Start one with `splade-sidecar serve`, or name its address \
             with --server",
            self.server
        )
    }
}
