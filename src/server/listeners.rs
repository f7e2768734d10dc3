//! Bound sockets of a server.

use std::net::SocketAddr;

use anyhow::Context;
use tokio::net::{TcpListener, UnixListener};

use super::unix_socket::{self, SocketFile};
use crate::config::Config;

/// Bound sockets, not yet served.
#[derive(Debug)]
pub struct Listeners {
    pub grpc: TcpListener,
    pub unix: Option<(UnixListener, SocketFile)>,
    pub metrics: Option<TcpListener>,
    pub http: Option<TcpListener>,
}

/// Addresses of the bound TCP sockets, with actual ports where the configuration has port 0.
#[derive(Debug, Clone, Copy)]
pub struct ListenAddresses {
    pub grpc: SocketAddr,
    pub metrics: Option<SocketAddr>,
    pub http: Option<SocketAddr>,
}

impl Listeners {
    /// Binds the sockets of a configuration.
    ///
    /// # Errors
    /// If an address can't be bound. The error names the flag and the address.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let bind_tcp = async |flag: &str, address: SocketAddr| {
            let listener = TcpListener::bind(address).await;
            listener.with_context(|| format!("{flag}: can't listen on {address}; choose another address"))
        };
        let mode = config.security.unix_socket_mode;
        let unix = config.unix_socket.as_deref().map(|path| unix_socket::bind(path, mode)).transpose()?;
        let metrics = match config.metrics_listen {
            Some(address) => Some(bind_tcp("--metrics-listen", address).await?),
            None => None,
        };
        let http = match config.web.http_listen {
            Some(address) => Some(bind_tcp("--http-listen", address).await?),
            None => None,
        };
        Ok(Self { grpc: bind_tcp("--listen", config.listen).await?, unix, metrics, http })
    }

    /// Returns the addresses of the TCP sockets.
    ///
    /// # Errors
    /// If the system can't return the address of a socket.
    pub fn addresses(&self) -> std::io::Result<ListenAddresses> {
        let local_addr = |listener: &Option<TcpListener>| listener.as_ref().map(TcpListener::local_addr).transpose();
        Ok(ListenAddresses {
            grpc: self.grpc.local_addr()?,
            metrics: local_addr(&self.metrics)?,
            http: local_addr(&self.http)?,
        })
    }
}
