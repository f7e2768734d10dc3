//! Sockets, and what is served on them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;

use super::health::Health;
use super::incoming::incoming;
use super::metrics_page::{self, Observed};
use super::reload::{FlagFile, Loaded, follow};
use super::tls;
use super::unix_socket::{self, SocketFile};
use crate::config::{Config, ServerConfig};
use crate::grpc::auth::{Tokens, guard};
use crate::grpc::observe::observed;
use crate::grpc::{EncoderApi, Gate, IndexApi, tei};
use crate::proto::FILE_DESCRIPTOR_SET;
use crate::proto::encoder_service_server::EncoderServiceServer;
use crate::proto::index_service_server::IndexServiceServer;

/// HTTP/2 flow control: how many bytes a client may send before they are read, by call and by connection. Calls that
/// wait for the pipeline use up their own window; the connection's is so large that they leave room for others.
///
/// h2 ends a connection with ENHANCE_YOUR_CALM when unread messages that are shorter than 256 bytes cost it more memory
/// than half of the connection's window. A stream of documents of 25 bytes each costs ten times its own window, so that
/// twenty such streams of one connection can wait.
const STREAM_WINDOW: u32 = 128 << 10;
const CONNECTION_WINDOW: u32 = 64 << 20;

/// How long connections are waited for when every call to the services has ended.
const ENDING: Duration = Duration::from_secs(2);

/// Sockets that are bound.
#[derive(Debug)]
pub struct Listeners {
    grpc: TcpListener,
    unix: Option<(UnixListener, SocketFile)>,
    metrics: Option<TcpListener>,
}

/// What is served on them, until it is ended.
#[derive(Debug)]
pub struct Serving {
    pub grpc: SocketAddr,
    pub metrics: Option<SocketAddr>,
    ending: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    _socket: Option<SocketFile>,
}

impl Listeners {
    /// Binds what the configuration asks for.
    ///
    /// # Errors
    /// If an address can't be had: which, and the flag to change it.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let tcp = async |flag: &str, address: SocketAddr| {
            let listener = TcpListener::bind(address).await;
            listener.with_context(|| format!("{flag}: can't listen on {address}; choose another address"))
        };
        let mode = config.security.unix_socket_mode;
        let unix = config.unix_socket.as_deref().map(|path| unix_socket::bind(path, mode)).transpose()?;
        let metrics = match config.metrics_listen {
            Some(address) => Some(tcp("--metrics-listen", address).await?),
            None => None,
        };
        Ok(Self { grpc: tcp("--listen", config.listen).await?, unix, metrics })
    }

    /// Serves on them.
    ///
    /// # Errors
    /// If a certificate, a key or the tokens can't be used, a socket has no address, or the reflection service can't read
    /// the contract.
    pub async fn serve(
        self,
        config: &Config,
        gate: Gate,
        health: &Health,
        metrics: PrometheusHandle,
    ) -> anyhow::Result<Serving> {
        let ending = CancellationToken::new();
        let Config { server, security, .. } = config;
        let every = security.reload_interval;
        let tls = match &security.tls {
            Some(files) => Some(follow(tls::files(files), every, tls::server_config).await?),
            None => None,
        };
        let mut routes = routes(server, gate.clone(), health).await?;
        if let Some(path) = &security.auth_tokens {
            let file = FlagFile { flag: "--auth-tokens", path: path.clone() };
            routes = guard(routes, follow(vec![file], every, read_tokens).await?);
        }
        let routes = observed(routes);
        let max = security.max_connections;
        let grpc = self.grpc.local_addr()?;
        let incoming_tcp = incoming(TcpIncoming::from(self.grpc).with_nodelay(Some(true)), "tcp", tls, max);
        let ended = ending.clone().cancelled_owned();
        let serve = builder(server).add_routes(routes.clone()).serve_with_incoming_shutdown(incoming_tcp, ended);
        let mut tasks = vec![tokio::spawn(until_ended(serve))];
        let mut socket = None;
        if let Some((unix, file)) = self.unix {
            let incoming_unix = incoming(UnixListenerStream::new(unix), "unix", None, max);
            let ended = ending.clone().cancelled_owned();
            let serve = builder(server).add_routes(routes).serve_with_incoming_shutdown(incoming_unix, ended);
            tasks.push(tokio::spawn(until_ended(serve)));
            socket = Some(file);
        }
        let metrics_address = self.metrics.as_ref().map(TcpListener::local_addr).transpose()?;
        if let Some(listener) = self.metrics {
            let observed =
                Observed { metrics, gate, health: health.clone(), store: config.store.kind(), since: Instant::now() };
            tasks.push(tokio::spawn(metrics_page::serve(listener, observed, ending.clone())));
        }
        Ok(Serving { grpc, metrics: metrics_address, ending, tasks, _socket: socket })
    }
}

impl Serving {
    /// Takes no more calls, and waits until the last answers have left: a while, for a client may keep a connection that
    /// has no call, or a call of another service such as reflection, as long as it likes.
    pub async fn end(self) {
        self.ending.cancel();
        let ended = async {
            for task in self.tasks {
                if let Err(error) = task.await {
                    tracing::error!(%error, "a listener failed");
                }
            }
        };
        if timeout(ENDING, ended).await.is_err() {
            tracing::info!("connections that have nothing to do are cut off");
        }
    }
}

async fn until_ended(server: impl Future<Output = Result<(), tonic::transport::Error>>) {
    if let Err(error) = server.await {
        tracing::error!(%error, "the gRPC server failed");
    }
}

/// What `--auth-tokens` names.
pub fn read_tokens(files: &[Loaded]) -> anyhow::Result<Tokens> {
    let [Loaded { file, bytes }] = files else { anyhow::bail!("--auth-tokens is one file") };
    let text = str::from_utf8(bytes).ok().with_context(|| format!("{file} is no text; write one token a line"))?;
    Tokens::parse(text).with_context(|| file.to_string())
}

fn builder(config: &ServerConfig) -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .max_concurrent_streams(config.max_concurrent_streams)
        // h2 would end a connection, with all its calls, after 20 that were cancelled before it had looked at them: a
        // client with short deadlines, or a proxy for many, has as many at once.
        .http2_max_pending_accept_reset_streams(Some(config.max_concurrent_streams as usize))
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keepalive_interval(Some(config.keepalive))
        .http2_keepalive_timeout(Some(config.keepalive))
}

async fn routes(config: &ServerConfig, gate: Gate, health: &Health) -> anyhow::Result<Routes> {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            // The details of errors, which tools such as grpcurl can't show otherwise.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let bytes = config.max_message_bytes;
    let encoder = EncoderServiceServer::new(EncoderApi::new(gate.clone())).max_decoding_message_size(bytes);
    let index = IndexServiceServer::new(IndexApi::new(gate.clone())).max_decoding_message_size(bytes);
    Ok(tei::add_to(Routes::new(encoder), gate, bytes)
        .add_service(index)
        .add_service(HealthServer::new(health.service().await))
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?))
}
