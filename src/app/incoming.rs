//! Connections, as many as there may be, once they have begun to speak.
//!
//! A connection is greeted first: its TLS handshake, and the 24 bytes that HTTP/2 begins with, or as many as tell HTTP/1.1
//! from it. Greetings happen beside each other, off the accept loop, in limited number and time; when there are too many, the oldest gives way, unless it has just
//! begun. So a client that connects and says nothing holds up nobody for long, however many of it there are.
//!
//! A connection that was greeted holds a permit until it is closed. When none is left no connection is accepted: clients
//! wait in the kernel's backlog, and it is their deadlines that decide for how long.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::{Stream, StreamExt, stream};
use metrics::{Gauge, gauge};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tonic::transport::server::Connected;

use crate::metrics as names;

/// What every HTTP/2 connection begins with (RFC 9113, section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a greeting may take.
const GREETING: Duration = Duration::from_secs(10);
/// The most greetings at once.
const MAX_GREETINGS: usize = 256;
/// How old a greeting is at least that gives way. A crowd of honest clients is through in less.
const GIVES_WAY: Duration = Duration::from_secs(1);
/// The pause after the system could not accept a connection: mostly since the process has too many files open.
const PAUSE: Duration = Duration::from_millis(100);

/// TLS as it is at the moment, if there is any.
pub type Tls = Option<watch::Receiver<Arc<ServerConfig>>>;

/// What a listener's clients may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    Http2,
    /// HTTP/1.1 too.
    AnyHttp,
}

/// What a client is connected by.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Greets what is accepted, and lets through at most `max` connections at once.
pub fn incoming<S, T>(
    accepted: S,
    listener: &'static str,
    speaks: Speaks,
    tls: Tls,
    max: usize,
) -> impl Stream<Item = io::Result<Connection>> + Send
where
    S: Stream<Item = io::Result<T>> + Send + Unpin,
    T: Io + 'static,
{
    let open = gauge!(names::CONNECTIONS, "listener" => listener);
    let room = Arc::new(Semaphore::new(max));
    let incoming =
        Incoming { accepted, speaks, tls, room, open, greetings: JoinSet::new(), oldest_first: VecDeque::new() };
    stream::unfold(incoming, async |mut incoming| {
        let connection = incoming.next().await?;
        Some((Ok(connection), incoming))
    })
}

struct Incoming<S> {
    accepted: S,
    speaks: Speaks,
    tls: Tls,
    room: Arc<Semaphore>,
    open: Gauge,
    greetings: JoinSet<Option<(Bytes, Box<dyn Io>)>>,
    oldest_first: VecDeque<(Instant, AbortHandle)>,
}

impl<S, T> Incoming<S>
where
    S: Stream<Item = io::Result<T>> + Unpin,
    T: Io + 'static,
{
    async fn next(&mut self) -> Option<Connection> {
        let permit = Arc::clone(&self.room).acquire_owned().await.ok()?;
        loop {
            let full_until = self.full_until();
            tokio::select! {
                biased;
                Some(greeted) = self.greetings.join_next() => {
                    if let Ok(Some((read, io))) = greeted {
                        return Some(Connection::new(read, io, permit, self.open.clone()));
                    }
                }
                () = sleep_until(full_until.unwrap_or_else(Instant::now)), if full_until.is_some() => self.give_way(),
                accepted = self.accepted.next(), if full_until.is_none() => match accepted? {
                    Ok(io) => self.greet(io),
                    Err(error) => {
                        tracing::warn!(%error, "a connection can't be accepted");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    fn greet(&mut self, io: T) {
        let tls = self.tls.as_ref().map(|tls| Arc::clone(&tls.borrow()));
        self.oldest_first.push_back((Instant::now(), self.greetings.spawn(greet(io, self.speaks, tls))));
    }

    /// When the oldest greeting gives way, if there are as many as there may be.
    fn full_until(&mut self) -> Option<Instant> {
        self.oldest_first.retain(|(_, greeting)| !greeting.is_finished());
        let oldest = self.oldest_first.front().filter(|_| self.oldest_first.len() >= MAX_GREETINGS)?;
        Some(oldest.0 + GIVES_WAY)
    }

    fn give_way(&mut self) {
        if let Some((_, oldest)) = self.oldest_first.pop_front() {
            tracing::debug!("a connection that has said nothing gives way to another");
            oldest.abort();
        }
    }
}

/// What was read, and where there is more. `None` for a connection that is not one of ours, or too slow.
async fn greet(io: impl Io + 'static, speaks: Speaks, tls: Option<Arc<ServerConfig>>) -> Option<(Bytes, Box<dyn Io>)> {
    let greeting = async {
        let mut io: Box<dyn Io> = match tls {
            Some(config) => Box::new(TlsAcceptor::from(config).accept(io).await?),
            None => Box::new(io),
        };
        let read = preface(&mut io).await?;
        match speaks {
            Speaks::Http2 if read != PREFACE[..] => Err(io::Error::other("it does not begin as HTTP/2 does")),
            _ => Ok((read, io)),
        }
    };
    match timeout(GREETING, greeting).await {
        Ok(Ok(greeted)) => Some(greeted),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a connection is refused");
            None
        }
        Err(_) => {
            tracing::debug!("a connection has said nothing for {GREETING:?}");
            None
        }
    }
}

/// The beginning of a connection: all that HTTP/2 begins with, or enough of something else to tell it from that.
async fn preface(io: &mut Box<dyn Io>) -> io::Result<Bytes> {
    let mut read = Vec::with_capacity(PREFACE.len());
    while read.len() < PREFACE.len() && PREFACE.starts_with(&read) {
        let mut more = (&mut *io).take((PREFACE.len() - read.len()) as u64);
        if more.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(read.into())
}

/// A connection that was greeted, with its permit.
pub struct Connection {
    /// What was read already.
    read: Bytes,
    io: Box<dyn Io>,
    open: Gauge,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    fn new(read: Bytes, io: Box<dyn Io>, permit: OwnedSemaphorePermit, open: Gauge) -> Self {
        open.increment(1.0);
        Self { read, io, open, _permit: permit }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.decrement(1.0);
    }
}

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.read.has_remaining() {
            return Pin::new(&mut self.io).poll_read(cx, buffer);
        }
        let now = self.read.len().min(buffer.remaining());
        buffer.put_slice(&self.read.split_to(now));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Connection {
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
