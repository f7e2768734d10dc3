//! Sockets, and what is served on them.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use futures_util::Stream;
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
use super::incoming::{Io, Speaks, Tls, incoming};
use super::metrics_page::{self, Observed};
use super::reload::{FlagFile, Loaded, follow};
use super::tls;
use super::unix_socket::{self, SocketFile};
#[cfg(feature = "http")]
use super::web::grpc_web;
use crate::config::{Config, ServerConfig};
use crate::grpc::auth::{Tokens, guard};
use crate::grpc::observe::observed;
use crate::grpc::{EncoderApi, Gate, IndexApi, tei};
#[cfg(feature = "http")]
use crate::http;
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
    http: Option<TcpListener>,
}

/// What is served on them, until it is ended.
#[derive(Debug)]
pub struct Serving {
    pub grpc: SocketAddr,
    pub metrics: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
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
        let http = match config.web.http_listen {
            Some(address) => Some(tcp("--http-listen", address).await?),
            None => None,
        };
        Ok(Self { grpc: tcp("--listen", config.listen).await?, unix, metrics, http })
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
        let Config { server, security, web, .. } = config;
        let tokens = match &security.auth_tokens {
            Some(path) => {
                let file = FlagFile { flag: "--auth-tokens", path: path.clone() };
                Some(follow(vec![file], security.reload_interval, read_tokens).await?)
            }
            None => None,
        };
        let mut routes = routes(server, gate.clone(), health).await?;
        if let Some(tokens) = &tokens {
            routes = guard(routes, tokens.clone());
        }
        let routes = observed(routes);
        let addresses = [Some(&self.grpc), self.metrics.as_ref(), self.http.as_ref()];
        let [grpc, metrics_address, http] = addresses.map(|listener| listener.map(TcpListener::local_addr).transpose());
        let grpc = grpc?.context("--listen has no address")?;
        let mut servers = Servers { config, ending: CancellationToken::new(), tasks: Vec::new() };
        match &web.grpc_web {
            #[cfg(feature = "http")]
            Some(origins) => {
                let routes = grpc_web(routes.clone(), origins);
                servers.tcp(self.grpc, "tcp", Speaks::AnyHttp, routes).await?;
            }
            // The configuration refuses gRPC-Web in a build without it.
            _ => servers.tcp(self.grpc, "tcp", Speaks::Http2, routes.clone()).await?,
        }
        #[cfg(feature = "http")]
        if let Some(listener) = self.http {
            let settings =
                http::Settings { limits: config.requests, max_message_bytes: server.max_message_bytes, tokens };
            servers.tcp(listener, "http", Speaks::AnyHttp, http::door(routes.clone(), settings)).await?;
        }
        let mut socket = None;
        if let Some((unix, file)) = self.unix {
            servers.serve(UnixListenerStream::new(unix), "unix", Speaks::Http2, None, routes);
            socket = Some(file);
        }
        let Servers { ending, mut tasks, .. } = servers;
        if let Some(listener) = self.metrics {
            let observed =
                Observed { metrics, gate, health: health.clone(), store: config.store.kind(), since: Instant::now() };
            tasks.push(tokio::spawn(metrics_page::serve(listener, observed, ending.clone())));
        }
        Ok(Serving { grpc, metrics: metrics_address?, http: http?, ending, tasks, _socket: socket })
    }
}

/// The servers of the services, one a socket.
struct Servers<'a> {
    config: &'a Config,
    ending: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Servers<'_> {
    async fn tcp(
        &mut self,
        listener: TcpListener,
        name: &'static str,
        speaks: Speaks,
        routes: Routes,
    ) -> anyhow::Result<()> {
        let security = &self.config.security;
        let make = match speaks {
            Speaks::Http2 => tls::server_config,
            Speaks::AnyHttp => tls::any_http_config,
        };
        let tls = match &security.tls {
            Some(files) => Some(follow(tls::files(files), security.reload_interval, make).await?),
            None => None,
        };
        self.serve(TcpIncoming::from(listener).with_nodelay(Some(true)), name, speaks, tls, routes);
        Ok(())
    }

    fn serve<S, T>(&mut self, accepted: S, name: &'static str, speaks: Speaks, tls: Tls, routes: Routes)
    where
        S: Stream<Item = std::io::Result<T>> + Send + Unpin + 'static,
        T: Io + 'static,
    {
        let incoming = incoming(accepted, name, speaks, tls, self.config.security.max_connections);
        let server = builder(&self.config.server).accept_http1(speaks == Speaks::AnyHttp).add_routes(routes);
        let ended = self.ending.clone().cancelled_owned();
        self.tasks.push(tokio::spawn(until_ended(server.serve_with_incoming_shutdown(incoming, ended))));
    }
}

impl Serving {
    /// Takes no more calls, and waits until the last answers have left: a while, for a client may keep a connection that
    /// has no call, or a call of another service such as reflection, as long as it likes. `deadline` is that of all of the
    /// server's end, of which this may take a part.
    pub async fn end(self, deadline: Duration) {
        self.ending.cancel();
        let ended = async {
            for task in self.tasks {
                if let Err(error) = task.await {
                    tracing::error!(%error, "a listener failed");
                }
            }
        };
        if timeout(ENDING.min(deadline / 4), ended).await.is_err() {
            tracing::info!("connections that have nothing to do are cut off");
        }
    }
}

async fn until_ended(server: impl Future<Output = Result<(), tonic::transport::Error>>) {
    if let Err(error) = server.await {
        tracing::error!(%error, "a server failed");
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
