//! Handshake of an accepted connection: the TLS handshake, and protocol detection by the first bytes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::connection::Io;

/// Preface of every HTTP/2 connection (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Timeout of a handshake: TLS and the first bytes together.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Protocols that a listener accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    Http2,
    /// HTTP/2 and HTTP/1.1.
    AnyHttp,
}

/// A transport whose handshake is complete.
pub struct EstablishedTransport {
    /// First bytes of the connection, consumed by protocol detection; at most the length of the HTTP/2 preface.
    pub first_bytes: Bytes,
    pub io: Box<dyn Io>,
}

/// Performs the handshake of an accepted transport. Returns `None` if the client uses another protocol, disconnects or
/// exceeds the timeout.
pub async fn handshake(
    io: impl Io + 'static,
    protocols: Protocols,
    tls: Option<Arc<ServerConfig>>,
) -> Option<EstablishedTransport> {
    match timeout(HANDSHAKE_TIMEOUT, establish(io, protocols, tls)).await {
        Ok(Ok(established)) => Some(established),
        Ok(Err(error)) => {
            tracing::debug!(%error, "handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(timeout = ?HANDSHAKE_TIMEOUT, "handshake timed out");
            None
        }
    }
}

async fn establish(
    io: impl Io + 'static,
    protocols: Protocols,
    tls: Option<Arc<ServerConfig>>,
) -> io::Result<EstablishedTransport> {
    let mut io: Box<dyn Io> = match tls {
        Some(config) => Box::new(TlsAcceptor::from(config).accept(io).await?),
        None => Box::new(io),
    };
    let first_bytes = read_preface(&mut io).await?;
    match protocols {
        Protocols::Http2 if first_bytes != HTTP2_PREFACE[..] => {
            Err(io::Error::other("the connection does not begin with the HTTP/2 preface"))
        }
        _ => Ok(EstablishedTransport { first_bytes, io }),
    }
}

/// Reads the beginning of a connection: the complete HTTP/2 preface, or the first bytes up to a difference from it.
async fn read_preface(io: &mut Box<dyn Io>) -> io::Result<Bytes> {
    // Stops at the first difference: an HTTP/1.1 request may be shorter than the preface, and its client waits for a response.
    let mut read = Vec::with_capacity(HTTP2_PREFACE.len());
    while read.len() < HTTP2_PREFACE.len() && HTTP2_PREFACE.starts_with(&read) {
        let mut more = (&mut *io).take((HTTP2_PREFACE.len() - read.len()) as u64);
        if more.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(read.into())
}
