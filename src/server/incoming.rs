//! The accept loop: connections that have completed their handshake, at most `--max-connections` of them.
//!
//! A connection makes its handshake first ([`handshake`]): that of TLS, then the first bytes of HTTP/2, or enough of them to
//! tell HTTP/1.1 from it. Handshakes run in tasks of their own, off the accept loop, and are limited in number and time. When
//! there are too many, the oldest is evicted, unless it has just begun. So a client that connects and says nothing holds up
//! nobody for long, however many such clients there are.
//!
//! An established connection holds a permit until it is closed. When no permit is left, no connection is accepted: clients
//! wait in the kernel's backlog, and their own deadlines decide for how long.
//!
//! See docs/adr/0009-accept-loop.md.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt, stream};
use metrics::{Gauge, gauge};
use tokio::sync::{Semaphore, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_rustls::rustls::ServerConfig;

use super::connection::{Connection, Io};
use super::handshake::{Established, Protocols, handshake};
use crate::metrics as names;

/// Maximum number of concurrent handshakes.
const MAX_HANDSHAKES: usize = 256;
/// Minimum age of a handshake that is evicted. A crowd of honest clients is through in less.
const EVICTABLE_AFTER: Duration = Duration::from_secs(1);
/// The pause after the system could not accept a connection, mostly because the process has too many open files.
const PAUSE: Duration = Duration::from_millis(100);

/// The current TLS configuration; `None` without TLS.
pub type Tls = Option<watch::Receiver<Arc<ServerConfig>>>;

/// Returns the established connections of a listener, at most `max_connections` at once.
pub fn incoming<S, T>(
    accepted: S,
    listener: &'static str,
    protocols: Protocols,
    tls: Tls,
    max_connections: usize,
) -> impl Stream<Item = io::Result<Connection>> + Send
where
    S: Stream<Item = io::Result<T>> + Send + Unpin,
    T: Io + 'static,
{
    let open = gauge!(names::CONNECTIONS, "listener" => listener);
    let room = Arc::new(Semaphore::new(max_connections));
    let incoming =
        Incoming { accepted, protocols, tls, room, open, handshakes: JoinSet::new(), oldest_first: VecDeque::new() };
    stream::unfold(incoming, async |mut incoming| {
        let connection = incoming.next().await?;
        Some((Ok(connection), incoming))
    })
}

struct Incoming<S> {
    accepted: S,
    protocols: Protocols,
    tls: Tls,
    room: Arc<Semaphore>,
    open: Gauge,
    handshakes: JoinSet<Option<Established>>,
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
                Some(finished) = self.handshakes.join_next() => {
                    if let Ok(Some(Established { read, io })) = finished {
                        return Some(Connection::new(read, io, permit, self.open.clone()));
                    }
                }
                () = sleep_until(full_until.unwrap_or_else(Instant::now)), if full_until.is_some() => self.evict_oldest(),
                accepted = self.accepted.next(), if full_until.is_none() => match accepted? {
                    Ok(io) => self.start_handshake(io),
                    Err(error) => {
                        tracing::warn!(%error, "a connection can't be accepted");
                        sleep(PAUSE).await;
                    }
                },
            }
        }
    }

    fn start_handshake(&mut self, io: T) {
        let tls = self.tls.as_ref().map(|tls| Arc::clone(&tls.borrow()));
        self.oldest_first.push_back((Instant::now(), self.handshakes.spawn(handshake(io, self.protocols, tls))));
    }

    /// Returns when the oldest handshake may be evicted, if there are as many as there may be.
    fn full_until(&mut self) -> Option<Instant> {
        self.oldest_first.retain(|(_, handshake)| !handshake.is_finished());
        let oldest = self.oldest_first.front().filter(|_| self.oldest_first.len() >= MAX_HANDSHAKES)?;
        Some(oldest.0 + EVICTABLE_AFTER)
    }

    fn evict_oldest(&mut self) {
        if let Some((_, oldest)) = self.oldest_first.pop_front() {
            tracing::debug!("a connection that has said nothing gives way to another");
            oldest.abort();
        }
    }
}
