//! What happens between accepting a connection and serving it: the TLS handshake, and reading the first bytes to detect
//! the protocol.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncReadExt;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use super::connection::Io;

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const HTTP2_PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Maximum duration of a handshake, TLS and the first bytes together.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The protocols that clients of a listener may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocols {
    Http2,
    /// HTTP/2 and HTTP/1.1.
    AnyHttp,
}

/// A transport whose handshake is complete.
pub struct EstablishedTransport {
    /// The first bytes, which were read to detect the protocol.
    pub first_bytes: Bytes,
    pub io: Box<dyn Io>,
}

/// Makes the handshake of an accepted transport. Returns `None` if the client speaks another protocol, breaks off or takes
/// too long.
pub async fn handshake(
    io: impl Io + 'static,
    protocols: Protocols,
    tls: Option<Arc<ServerConfig>>,
) -> Option<EstablishedTransport> {
    match timeout(HANDSHAKE_TIMEOUT, establish(io, protocols, tls)).await {
        Ok(Ok(established)) => Some(established),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a connection is refused");
            None
        }
        Err(_) => {
            tracing::debug!("a connection has said nothing for {HANDSHAKE_TIMEOUT:?}");
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
            Err(io::Error::other("it does not begin as HTTP/2 does"))
        }
        _ => Ok(EstablishedTransport { first_bytes, io }),
    }
}

/// Reads the beginning of a connection: the whole HTTP/2 preface, or enough bytes to tell something else from it.
async fn read_preface(io: &mut Box<dyn Io>) -> io::Result<Bytes> {
    let mut read = Vec::with_capacity(HTTP2_PREFACE.len());
    while read.len() < HTTP2_PREFACE.len() && HTTP2_PREFACE.starts_with(&read) {
        let mut more = (&mut *io).take((HTTP2_PREFACE.len() - read.len()) as u64);
        if more.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(read.into())
}
