//! The accept loop: yields connections that have completed their handshake, at most `--max-connections` at once.
//!
//! Each connection first completes its handshake ([`handshake`]): the TLS handshake, then the HTTP/2 preface, or enough bytes
//! to detect HTTP/1.1. Handshakes run in separate tasks, and are limited in number and time. When the limit is reached, the
//! oldest handshake is evicted, unless it has just begun. So clients that connect without sending data can't block others
//! for long.
//!
//! An established connection holds a permit until it is closed. While no permit is free, no connection is accepted: clients
//! wait in the kernel's backlog until their own deadline.
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

use super::connection::{Io, ServerConnection};
use super::handshake::{EstablishedTransport, Protocols, handshake};
use crate::metrics as names;

/// Maximum number of concurrent handshakes.
const MAX_HANDSHAKES: usize = 256;
/// Minimum age at which a handshake may be evicted. Well-behaved clients complete theirs in less time.
const MIN_EVICTION_AGE: Duration = Duration::from_secs(1);
/// Delay after a failed `accept`, usually because the process has too many open files.
const ACCEPT_ERROR_DELAY: Duration = Duration::from_millis(100);

/// Receiver of the current TLS configuration; `None` without TLS.
pub type TlsReceiver = Option<watch::Receiver<Arc<ServerConfig>>>;

/// Returns the established connections of a listener, at most `max_connections` at once.
pub fn accept_connections<S, T>(
    transports: S,
    listener: &'static str,
    protocols: Protocols,
    tls: TlsReceiver,
    max_connections: usize,
) -> impl Stream<Item = io::Result<ServerConnection>> + Send
where
    S: Stream<Item = io::Result<T>> + Send + Unpin,
    T: Io + 'static,
{
    let open_connections = gauge!(names::CONNECTIONS, "listener" => listener);
    let permits = Arc::new(Semaphore::new(max_connections));
    let accept_loop = AcceptLoop {
        transports,
        protocols,
        tls,
        permits,
        open_connections,
        handshakes: JoinSet::new(),
        eviction_queue: VecDeque::new(),
    };
    stream::unfold(accept_loop, async |mut accept_loop| {
        let connection = accept_loop.next().await?;
        Some((Ok(connection), accept_loop))
    })
}

struct AcceptLoop<S> {
    transports: S,
    protocols: Protocols,
    tls: TlsReceiver,
    permits: Arc<Semaphore>,
    open_connections: Gauge,
    handshakes: JoinSet<Option<EstablishedTransport>>,
    eviction_queue: VecDeque<(Instant, AbortHandle)>,
}

impl<S, T> AcceptLoop<S>
where
    S: Stream<Item = io::Result<T>> + Unpin,
    T: Io + 'static,
{
    async fn next(&mut self) -> Option<ServerConnection> {
        // Taken before `accept`, so that excess connections stay in the kernel's backlog.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok()?;
        loop {
            let next_eviction = self.next_eviction_time();
            tokio::select! {
                // Completed handshakes are yielded before further connections are accepted.
                biased;
                Some(finished) = self.handshakes.join_next() => {
                    if let Ok(Some(EstablishedTransport { first_bytes, io })) = finished {
                        return Some(ServerConnection::new(first_bytes, io, permit, self.open_connections.clone()));
                    }
                }
                () = sleep_until(next_eviction.unwrap_or_else(Instant::now)), if next_eviction.is_some() => self.evict_oldest(),
                accepted = self.transports.next(), if next_eviction.is_none() => match accepted? {
                    Ok(io) => self.start_handshake(io),
                    Err(error) => {
                        tracing::warn!(%error, "accepting a connection failed");
                        sleep(ACCEPT_ERROR_DELAY).await;
                    }
                },
            }
        }
    }

    fn start_handshake(&mut self, io: T) {
        let tls = self.tls.as_ref().map(|tls| Arc::clone(&tls.borrow()));
        self.eviction_queue.push_back((Instant::now(), self.handshakes.spawn(handshake(io, self.protocols, tls))));
    }

    /// Returns the time at which the oldest handshake may be evicted; `None` below the maximum number of handshakes.
    fn next_eviction_time(&mut self) -> Option<Instant> {
        self.eviction_queue.retain(|(_, handshake)| !handshake.is_finished());
        let oldest = self.eviction_queue.front().filter(|_| self.eviction_queue.len() >= MAX_HANDSHAKES)?;
        Some(oldest.0 + MIN_EVICTION_AGE)
    }

    fn evict_oldest(&mut self) {
        if let Some((_, oldest)) = self.eviction_queue.pop_front() {
            tracing::debug!("oldest handshake evicted");
            oldest.abort();
        }
    }
}
