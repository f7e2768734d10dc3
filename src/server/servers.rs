//! Running servers, one per socket, from start to shutdown.

use std::time::Duration;

use futures_util::Stream;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

use super::connection::Io;
use super::handshake::Protocols;
use super::incoming::{TlsReceiver, accept_connections};
use super::reload::watch_files;
use super::tls;
use super::unix_socket::SocketFile;
use crate::config::{SecurityConfig, ServerConfig};

/// HTTP/2 flow-control window per call: bytes that a client may send before the server reads them.
const STREAM_WINDOW_BYTES: u32 = 128 << 10;
/// HTTP/2 flow-control window per connection. Large enough that calls which wait for the pipeline with full windows don't
/// block other calls of the connection.
///
/// h2 closes a connection with ENHANCE_YOUR_CALM when unread messages shorter than 256 bytes take more memory than half of
/// the connection's window. A stream of 25-byte documents takes ten times its own window, so about twenty such streams of
/// a connection can wait.
const CONNECTION_WINDOW_BYTES: u32 = 64 << 20;

/// Maximum time to wait for connections to close after all service calls have ended.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Servers of routes, one task per socket.
#[derive(Debug)]
pub struct Servers {
    server: ServerConfig,
    security: SecurityConfig,
    shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    socket_files: Vec<SocketFile>,
}

impl Servers {
    pub fn new(server: ServerConfig, security: SecurityConfig) -> Self {
        Self { server, security, shutdown: CancellationToken::new(), tasks: Vec::new(), socket_files: Vec::new() }
    }

    /// Serves routes on a TCP socket, over TLS if configured. `name` is the socket's `listener` label in the metrics.
    ///
    /// # Errors
    /// If a certificate or a key can't be read or is invalid.
    pub async fn serve_tcp(
        &mut self,
        listener: TcpListener,
        name: &'static str,
        protocols: Protocols,
        routes: Routes,
    ) -> anyhow::Result<()> {
        let parse = match protocols {
            Protocols::Http2 => tls::parse_server_config,
            Protocols::AnyHttp => tls::parse_any_http_config,
        };
        let tls = match &self.security.tls {
            Some(files) => Some(watch_files(tls::list_files(files), self.security.reload_interval, parse).await?),
            None => None,
        };
        self.serve(TcpIncoming::from(listener).with_nodelay(Some(true)), name, protocols, tls, routes);
        Ok(())
    }

    /// Serves routes on a Unix socket. Its file is removed at shutdown.
    pub fn serve_unix(&mut self, listener: UnixListener, file: SocketFile, routes: Routes) {
        self.serve(UnixListenerStream::new(listener), "unix", Protocols::Http2, None, routes);
        self.socket_files.push(file);
    }

    /// Spawns another server, which must end when the token is cancelled.
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(&mut self, server: impl FnOnce(CancellationToken) -> F) {
        self.tasks.push(tokio::spawn(server(self.shutdown.clone())));
    }

    fn serve<S, T>(&mut self, transports: S, name: &'static str, protocols: Protocols, tls: TlsReceiver, routes: Routes)
    where
        S: Stream<Item = std::io::Result<T>> + Send + Unpin + 'static,
        T: Io + 'static,
    {
        let incoming = accept_connections(transports, name, protocols, tls, self.security.max_connections);
        let server = configure_server(&self.server).accept_http1(protocols == Protocols::AnyHttp).add_routes(routes);
        self.spawn(|shutdown| async move {
            if let Err(error) = server.serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned()).await {
                tracing::error!(listener = name, %error, "server failed");
            }
        });
    }

    /// Rejects new calls, and waits until the last responses are sent. The wait is limited, because a client may keep an idle
    /// connection or a call of another service, such as reflection, open indefinitely. `deadline` is the time limit of the
    /// whole shutdown; this takes at most a quarter of it.
    pub async fn shut_down(self, deadline: Duration) {
        self.shutdown.cancel();
        let all_tasks = async {
            for task in self.tasks {
                if let Err(error) = task.await {
                    tracing::error!(%error, "server task panicked");
                }
            }
        };
        if timeout(SHUTDOWN_TIMEOUT.min(deadline / 4), all_tasks).await.is_err() {
            tracing::info!("idle connections closed");
        }
    }
}

fn configure_server(config: &ServerConfig) -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .max_concurrent_streams(config.max_concurrent_streams)
        // By default h2 closes a connection with all its calls after 20 pending calls have been cancelled before it accepted
        // them. A client with short deadlines, or a proxy for many clients, easily exceeds that.
        .http2_max_pending_accept_reset_streams(Some(config.max_concurrent_streams as usize))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(config.keepalive_interval))
        .http2_keepalive_timeout(Some(config.keepalive_interval))
}
