//! The running servers, one per socket, from their start to their end.

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

/// HTTP/2 flow control: how many bytes a client may send before they are read, by call and by connection. Calls that
/// wait for the pipeline use up their own window; the connection's is so large that they leave room for others.
///
/// h2 ends a connection with ENHANCE_YOUR_CALM when unread messages that are shorter than 256 bytes cost it more memory
/// than half of the connection's window. A stream of documents of 25 bytes each costs ten times its own window, so that
/// twenty such streams of one connection can wait.
const STREAM_WINDOW_BYTES: u32 = 128 << 10;
const CONNECTION_WINDOW_BYTES: u32 = 64 << 20;

/// Maximum time that connections are waited for after every call to the services has ended.
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

    /// Serves routes on a TCP socket, over TLS if it is configured. `name` is the socket's name in the metrics.
    ///
    /// # Errors
    /// If a certificate or a key can't be used.
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

    /// Serves routes on a Unix socket, whose file is removed at the end.
    pub fn serve_unix(&mut self, listener: UnixListener, file: SocketFile, routes: Routes) {
        self.serve(UnixListenerStream::new(listener), "unix", Protocols::Http2, None, routes);
        self.socket_files.push(file);
    }

    /// Runs another server until the end, of which the token tells it.
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
                tracing::error!(%error, "a server failed");
            }
        });
    }

    /// Takes no more calls, and waits until the last answers have left: a while, for a client may keep a connection that
    /// has no call, or a call of another service such as reflection, as long as it likes. `deadline` is that of all of the
    /// server's end, of which this may take a part.
    pub async fn shut_down(self, deadline: Duration) {
        self.shutdown.cancel();
        let all_tasks = async {
            for task in self.tasks {
                if let Err(error) = task.await {
                    tracing::error!(%error, "a listener failed");
                }
            }
        };
        if timeout(SHUTDOWN_TIMEOUT.min(deadline / 4), all_tasks).await.is_err() {
            tracing::info!("connections that have nothing to do are cut off");
        }
    }
}

fn configure_server(config: &ServerConfig) -> tonic::transport::Server {
    tonic::transport::Server::builder()
        .max_concurrent_streams(config.max_concurrent_streams)
        // h2 would end a connection, with all its calls, after 20 that were cancelled before it had looked at them: a
        // client with short deadlines, or a proxy for many, has as many at once.
        .http2_max_pending_accept_reset_streams(Some(config.max_concurrent_streams as usize))
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(config.keepalive_interval))
        .http2_keepalive_timeout(Some(config.keepalive_interval))
}
