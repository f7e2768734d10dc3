//! Connection flags of client commands, and the connection that they open.

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

/// Maximum size of a response. Larger than any valid response: a search may return 1,000 hits with a text of 1 MiB each.
const MAX_RESPONSE_BYTES: usize = 2 << 30;

/// Interval of HTTP/2 keepalive pings, which detect dead connections that would otherwise block a stream.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// Flags of the connection to a server.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Connection")]
pub struct ClientArgs {
    /// Address of the server: http://HOST:PORT, https://HOST:PORT or unix:/PATH.
    #[arg(long, env = "SPLADE_SERVER", default_value = "http://127.0.0.1:50051", value_name = "URL")]
    server: String,
    /// Timeout for connecting and for each call except streams, such as 500ms, 30s or 2m.
    #[arg(long, env = "SPLADE_TIMEOUT", default_value = "60s", value_name = "DURATION", value_parser = duration::parse)]
    timeout: Duration,
    /// PEM certificates of the authorities that the server's certificate is verified against [default: the system's].
    #[arg(long, env = "SPLADE_CLIENT_CA", value_name = "FILE")]
    tls_ca: Option<PathBuf>,
    /// PEM client certificate chain for mutual TLS. Requires --tls-key.
    #[arg(long, env = "SPLADE_CLIENT_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM private key of the certificate in --tls-cert.
    #[arg(long, env = "SPLADE_CLIENT_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Bearer token for servers that require one. Prefer the environment variable or --token-file: other users of the machine
    /// can read command lines.
    #[arg(long, env = "SPLADE_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// File that contains the bearer token. Leading and trailing whitespace is ignored.
    #[arg(long, env = "SPLADE_TOKEN_FILE", value_name = "FILE", conflicts_with = "token")]
    token_file: Option<PathBuf>,
}

/// Connection that adds the bearer token to each call.
pub type ClientConnection = InterceptedService<Channel, BearerToken>;

/// Interceptor that adds the `authorization` header, if there is a token.
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
    /// Connects to the server.
    ///
    /// # Errors
    /// If a flag is invalid, a file can't be read, or the server can't be reached within the timeout.
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

    /// Connects to the server and returns a client of its index service.
    pub async fn connect_index(&self) -> anyhow::Result<IndexServiceClient<ClientConnection>> {
        Ok(IndexServiceClient::new(self.connect().await?).max_decoding_message_size(MAX_RESPONSE_BYTES))
    }

    /// Connects to the server and returns a client of its encoder service.
    pub async fn connect_encoder(&self) -> anyhow::Result<EncoderServiceClient<ClientConnection>> {
        Ok(EncoderServiceClient::new(self.connect().await?).max_decoding_message_size(MAX_RESPONSE_BYTES))
    }

    /// Wraps a message in a request with the timeout, which is also sent to the server as `grpc-timeout`.
    pub fn build_request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    async fn build_endpoint(&self) -> anyhow::Result<Endpoint> {
        let invalid = || {
            format!(
                "--server `{}` is not an address; pass http://HOST:PORT, https://HOST:PORT or unix:/PATH",
                self.server
            )
        };
        let endpoint = Endpoint::from_shared(self.server.clone()).with_context(invalid)?;
        let endpoint = endpoint.http2_keep_alive_interval(KEEPALIVE_INTERVAL).connect_timeout(self.timeout);
        if self.server.starts_with("https:") {
            return endpoint.tls_config(self.build_tls_config().await?).context(
                "--tls-ca, --tls-cert or --tls-key is invalid; pass PEM files, with the key of the certificate",
            );
        }
        let is_plaintext = self.tls_ca.is_none() && self.tls_cert.is_none();
        ensure!(
            is_plaintext,
            "--tls-ca and --tls-cert require https, but --server is `{}`; pass https://HOST:PORT",
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

    /// Returns the header with the token of the flag or the file. Errors don't contain the token.
    async fn load_token(&self) -> anyhow::Result<BearerToken> {
        let (flag, token) = match (&self.token, &self.token_file) {
            (_, Some(file)) => ("--token-file", read_flag_file("--token-file", file).await?),
            (Some(token), None) => ("--token", token.clone()),
            (None, None) => return Ok(BearerToken(None)),
        };
        let header = MetadataValue::try_from(format!("Bearer {}", token.trim())).ok();
        let mut header = header.with_context(|| {
            format!("{flag} contains characters that a header can't; pass a token of one line in visible ASCII")
        })?;
        header.set_sensitive(true);
        Ok(BearerToken(Some(header)))
    }

    fn describe_unreachable(&self) -> String {
        format!(
            "can't connect to {}; start a server with `splade-sidecar serve`, or set the address of a running one \
             with --server",
            self.server
        )
    }
}

async fn read_flag_file(flag: &str, file: &Path) -> anyhow::Result<String> {
    tokio::fs::read_to_string(file).await.with_context(|| format!("{flag}: {} can't be read", file.display()))
}
