//! The connection that every client command opens.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Request, Status};

use super::duration;
use crate::proto::encoder_service_client::EncoderServiceClient;
use crate::proto::index_service_client::IndexServiceClient;

/// More than any answer of the server: 1,000 hits, each with a text of 1 MiB, are an answer that was asked for.
const MAX_RESPONSE_BYTES: usize = 2 << 30;

/// How often an idle peer is asked whether it is still there, so that a dead connection doesn't hang a stream.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct ClientArgs {
    /// The server's address: http://HOST:PORT, https://HOST:PORT or unix:/PATH.
    #[arg(long, env = "SPLADE_SERVER", default_value = "http://127.0.0.1:50051", value_name = "URL")]
    server: String,
    /// Give up on connecting, and on each call but `ingest`, after this long: 500ms, 30s, 2m.
    #[arg(long, env = "SPLADE_TIMEOUT", default_value = "60s", value_name = "TIME", value_parser = duration::parse)]
    timeout: Duration,
    /// The authorities that the server's certificate may be signed by, as PEM [default: the system's].
    #[arg(long, env = "SPLADE_CLIENT_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// The certificate to show to the server, where it wants one (mutual TLS), as PEM.
    #[arg(long, env = "SPLADE_CLIENT_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, as PEM.
    #[arg(long, env = "SPLADE_CLIENT_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// The token to call with, where the server wants one. Better set by its environment variable or in a file, which other
    /// users can't see.
    #[arg(long, env = "SPLADE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// A file that holds the token instead. Blanks around it are passed over.
    #[arg(long, env = "SPLADE_TOKEN_FILE", value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
}

/// A connection that sends the token along.
pub type ClientConnection = InterceptedService<Channel, BearerToken>;

/// The header that says who is calling.
#[derive(Debug, Clone)]
pub struct BearerToken(Option<MetadataValue<Ascii>>);

impl Interceptor for BearerToken {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

impl ClientArgs {
    /// Connects.
    pub async fn connect(&self) -> anyhow::Result<ClientConnection> {
        let token = self.load_token().await?;
        let endpoint = self.build_endpoint().await?;
        let connect_result = match timeout(self.timeout, endpoint.connect()).await {
            Ok(connected) => connected.map_err(anyhow::Error::from),
            Err(_) => Err(anyhow!("no answer within {:?}", self.timeout)),
        };
        let channel = connect_result.with_context(|| self.describe_unreachable())?;
        Ok(InterceptedService::new(channel, token))
    }

    /// A client of the index service.
    pub async fn connect_index(&self) -> anyhow::Result<IndexServiceClient<ClientConnection>> {
        Ok(IndexServiceClient::new(self.connect().await?).max_decoding_message_size(MAX_RESPONSE_BYTES))
    }

    /// A client of the encoder service.
    pub async fn connect_encoder(&self) -> anyhow::Result<EncoderServiceClient<ClientConnection>> {
        Ok(EncoderServiceClient::new(self.connect().await?).max_decoding_message_size(MAX_RESPONSE_BYTES))
    }

    /// A request with its deadline, which the server learns too.
    pub fn build_request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    async fn build_endpoint(&self) -> anyhow::Result<Endpoint> {
        let invalid = || format!("--server `{}` is no address: give http://HOST:PORT or unix:/PATH", self.server);
        let endpoint = Endpoint::from_shared(self.server.clone()).with_context(invalid)?;
        let endpoint = endpoint.http2_keep_alive_interval(KEEPALIVE_INTERVAL).connect_timeout(self.timeout);
        if self.server.starts_with("https:") {
            return endpoint
                .tls_config(self.build_tls_config().await?)
                .context("--tls-ca, --tls-cert or --tls-key can't be used");
        }
        let is_plaintext = self.tls_ca.is_none() && self.tls_cert.is_none();
        ensure!(
            is_plaintext,
            "--tls-ca and --tls-cert are for https, and --server is `{}`; give https://HOST:PORT",
            self.server
        );
        Ok(endpoint)
    }

    async fn build_tls_config(&self) -> anyhow::Result<ClientTlsConfig> {
        let tls = match &self.tls_ca {
            Some(file) => {
                ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read_flag_file("--tls-ca", file).await?))
            }
            None => ClientTlsConfig::new().with_native_roots(),
        };
        Ok(match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => {
                let (certificate, key) =
                    (read_flag_file("--tls-cert", certificate).await?, read_flag_file("--tls-key", key).await?);
                tls.identity(Identity::from_pem(certificate, key))
            }
            _ => tls,
        })
    }

    /// The header. Errors don't repeat the token.
    async fn load_token(&self) -> anyhow::Result<BearerToken> {
        let (flag, token) = match (&self.token, &self.token_file) {
            (_, Some(file)) => ("--token-file", read_flag_file("--token-file", file).await?),
            (Some(token), None) => ("--token", token.clone()),
            (None, None) => return Ok(BearerToken(None)),
        };
        let header = MetadataValue::try_from(format!("Bearer {}", token.trim())).ok();
        let mut header =
            header.with_context(|| format!("{flag} holds what can't be sent; give a token of one line"))?;
        header.set_sensitive(true);
        Ok(BearerToken(Some(header)))
    }

    fn describe_unreachable(&self) -> String {
        format!(
            "can't connect to {}; is the server running? Start one with `splade-sidecar serve`, or name its address \
             with --server",
            self.server
        )
    }
}

async fn read_flag_file(flag: &str, file: &Path) -> anyhow::Result<String> {
    tokio::fs::read_to_string(file).await.with_context(|| format!("{flag}: {} can't be read", file.display()))
}
