//! Established connection, as tonic reads and writes it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use metrics::Gauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tonic::transport::server::Connected;

/// Transport of a connection: TCP, a Unix socket, or TLS over one of them.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// An established connection, with its permit. Counted as open in the metrics until dropped.
pub struct ServerConnection {
    /// Bytes that the handshake has consumed; `poll_read` returns them first.
    first_bytes: Bytes,
    io: Box<dyn Io>,
    open_connections: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl ServerConnection {
    pub fn new(first_bytes: Bytes, io: Box<dyn Io>, permit: OwnedSemaphorePermit, open_connections: Gauge) -> Self {
        open_connections.increment(1.0);
        Self { first_bytes, io, open_connections, _permit: permit }
    }
}

impl Drop for ServerConnection {
    fn drop(&mut self) {
        self.open_connections.decrement(1.0);
    }
}

impl Connected for ServerConnection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for ServerConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.first_bytes.has_remaining() {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let count = self.first_bytes.len().min(buffer.remaining());
        buffer.put_slice(&self.first_bytes.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ServerConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
