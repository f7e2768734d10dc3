//! A TCP proxy in front of a server that injects faults: it disconnects, refuses, delays, throttles or drops data.
//!
//! A connection on which data was dropped stays dead after the fault is cleared, as if a router had lost its state: it
//! is open and accepts data, but never responds. New connections work.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

/// Maximum size of a read.
const CHUNK_BYTES: usize = 16 << 10;
/// Chunks in transit per direction: 1 MiB. The sender waits while the buffer is full.
const MAX_CHUNKS: usize = 64;
/// Timeout of each wait in a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// The data that the proxy drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Blackhole {
    #[default]
    Nothing,
    /// Requests arrive; their responses are dropped.
    Responses,
    /// Data is dropped in both directions.
    All,
}

/// State of the proxy that tests change and its tasks observe.
#[derive(Debug, Clone, Copy, Default)]
struct ProxyFaults {
    is_refusing: bool,
    /// Number of calls of `disconnect_all`. Connections that were opened before the last one are closed.
    disconnects: usize,
    blackhole: Blackhole,
    /// Additional latency of responses.
    delay: Duration,
    /// Bandwidth per direction.
    bytes_per_second: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Requests,
    Responses,
}

/// A proxy to one server for any number of connections. It stops when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    faults: watch::Sender<ProxyFaults>,
    /// Number of dropped bytes.
    dropped_bytes: watch::Sender<usize>,
    task: AbortHandle,
}

impl Proxy {
    /// Starts a proxy without faults.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (faults, dropped_bytes) = (watch::Sender::new(ProxyFaults::default()), watch::Sender::new(0));
        let wire = ProxyTask { server, faults: faults.subscribe(), dropped_bytes: dropped_bytes.clone() };
        let task = tokio::spawn(wire.accept_connections(listener, address)).abort_handle();
        Self { address, faults, dropped_bytes, task }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Closes every connection. New connections are accepted.
    pub fn disconnect_all(&self) {
        self.faults.send_modify(|orders| orders.disconnects += 1);
    }

    /// Closes every connection and refuses new ones.
    pub fn refuse_connections(&self) {
        self.faults.send_modify(|orders| {
            *orders = ProxyFaults { is_refusing: true, disconnects: orders.disconnects + 1, ..*orders }
        });
    }

    pub fn blackhole(&self, mode: Blackhole) {
        self.faults.send_modify(|orders| orders.blackhole = mode);
    }

    pub fn delay_responses(&self, delay: Duration) {
        self.faults.send_modify(|orders| orders.delay = delay);
    }

    /// Limits the bandwidth of each direction.
    pub fn throttle(&self, bytes_per_second: u32) {
        self.faults.send_modify(|orders| orders.bytes_per_second = Some(bytes_per_second));
    }

    /// Clears all faults. Connections on which data was dropped stay dead.
    pub fn clear_faults(&self) {
        self.faults
            .send_modify(|orders| *orders = ProxyFaults { disconnects: orders.disconnects, ..ProxyFaults::default() });
    }

    /// Waits until data was dropped.
    pub async fn wait_dropped_bytes(&self) {
        let mut dropped_bytes = self.dropped_bytes.subscribe();
        timeout(TEST_TIMEOUT, dropped_bytes.wait_for(|&bytes| bytes > 0))
            .await
            .expect("dropped data before the timeout")
            .unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Clone)]
struct ProxyTask {
    server: SocketAddr,
    faults: watch::Receiver<ProxyFaults>,
    dropped_bytes: watch::Sender<usize>,
}

impl ProxyTask {
    async fn accept_connections(self, listener: TcpListener, address: SocketAddr) {
        let mut faults = self.faults.clone();
        let mut listener = Some(listener);
        // Aborts the connections when this task ends.
        let mut connections = JoinSet::new();
        loop {
            if listener.is_none() {
                faults.wait_for(|orders| !orders.is_refusing).await.unwrap();
                listener = Some(TcpListener::bind(address).await.unwrap());
            }
            let Some(open) = &listener else { continue };
            tokio::select! {
                _refused = faults.wait_for(|orders| orders.is_refusing) => listener = None,
                accepted = open.accept() => {
                    connections.spawn(self.clone().forward_connection(accepted.unwrap().0));
                }
                Some(_ended) = connections.join_next() => {}
            }
        }
    }

    /// Forwards one connection until either end closes it or the proxy disconnects it.
    async fn forward_connection(self, client: TcpStream) {
        let mut faults = self.faults.clone();
        let disconnects_before = faults.borrow().disconnects;
        // If the server is unreachable, the client's connection is closed.
        let Ok(server) = TcpStream::connect(self.server).await else { return };
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            _cut = faults.wait_for(|orders| orders.disconnects != disconnects_before) => {}
            () = self.forward(Direction::Requests, from_client, to_server) => {}
            () = self.forward(Direction::Responses, from_server, to_client) => {}
        }
    }

    /// Forwards one direction until either end closes it.
    async fn forward(&self, direction: Direction, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let (chunks, mut wire) = mpsc::channel::<(Instant, Vec<u8>)>(MAX_CHUNKS);
        let reading = async move {
            let (mut buffer, mut dead) = (vec![0; CHUNK_BYTES], false);
            while let Ok(count @ 1..) = from.read(&mut buffer).await {
                let faults = *self.faults.borrow();
                dead |= faults.is_blackholed(direction);
                if dead {
                    self.dropped_bytes.send_modify(|bytes| *bytes += count);
                } else if chunks.send((faults.arrival_time(direction), buffer[..count].to_vec())).await.is_err() {
                    break;
                }
            }
        };
        let writing = async move {
            while let Some((arrival, chunk)) = wire.recv().await {
                let carried = Instant::now() + self.faults.borrow().transmission_time(chunk.len());
                sleep_until(arrival.max(carried)).await;
                if to.write_all(&chunk).await.is_err() {
                    break;
                }
            }
        };
        tokio::join!(reading, writing);
    }
}

impl ProxyFaults {
    fn is_blackholed(&self, direction: Direction) -> bool {
        match self.blackhole {
            Blackhole::Nothing => false,
            Blackhole::Responses => direction == Direction::Responses,
            Blackhole::All => true,
        }
    }

    /// Returns the time at which data read now is delivered.
    fn arrival_time(&self, direction: Direction) -> Instant {
        let delay = if direction == Direction::Responses { self.delay } else { Duration::ZERO };
        Instant::now() + delay
    }

    fn transmission_time(&self, bytes: usize) -> Duration {
        self.bytes_per_second.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(bytes as f64 / f64::from(rate)))
    }
}
