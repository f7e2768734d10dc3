//! A wire between two ends on real sockets, with faults to order: it can be cut, refuse, delay, throttle, swallow.
//!
//! A connection on which something was swallowed stays dead when the wire is healed, as one does whose state a router
//! has lost: it is open, takes what is sent, and never answers. New connections are fine then.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

/// What is read at once.
const CHUNK: usize = 16 << 10;
/// How many chunks are on the wire, each way: 1 MiB. What comes on top waits with its sender.
const CHUNKS: usize = 64;
/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is swallowed instead of carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Swallow {
    #[default]
    Nothing,
    /// Requests arrive, and their answers are lost.
    Answers,
    /// Nothing arrives anywhere.
    All,
}

/// What a wire is told, and what it tells.
#[derive(Debug, Clone, Copy, Default)]
struct Orders {
    refuses: bool,
    /// Connections that were made before the last of them are over.
    cuts: usize,
    swallow: Swallow,
    /// How much longer an answer takes.
    delay: Duration,
    /// How much is carried each way.
    bytes_per_second: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Requests,
    Answers,
}

/// A wire to one server, for any number of connections. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    pub address: SocketAddr,
    orders: watch::Sender<Orders>,
    /// How many bytes were swallowed.
    swallowed: watch::Sender<usize>,
    carrier: AbortHandle,
}

impl Proxy {
    /// A wire without faults.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (orders, swallowed) = (watch::Sender::new(Orders::default()), watch::Sender::new(0));
        let wire = Wire { server, orders: orders.subscribe(), swallowed: swallowed.clone() };
        let carrier = tokio::spawn(wire.carry_all(listener, address)).abort_handle();
        Self { address, orders, swallowed, carrier }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks every connection. New ones are carried.
    pub fn cut(&self) {
        self.orders.send_modify(|orders| orders.cuts += 1);
    }

    /// Breaks every connection and refuses new ones.
    pub fn refuse(&self) {
        self.orders.send_modify(|orders| *orders = Orders { refuses: true, cuts: orders.cuts + 1, ..*orders });
    }

    pub fn swallow(&self, swallow: Swallow) {
        self.orders.send_modify(|orders| orders.swallow = swallow);
    }

    pub fn delay_answers(&self, delay: Duration) {
        self.orders.send_modify(|orders| orders.delay = delay);
    }

    /// Carries so much each way.
    pub fn throttle(&self, bytes_per_second: u32) {
        self.orders.send_modify(|orders| orders.bytes_per_second = Some(bytes_per_second));
    }

    /// Withdraws all orders. What is dead stays dead.
    pub fn heal(&self) {
        self.orders.send_modify(|orders| *orders = Orders { cuts: orders.cuts, ..Orders::default() });
    }

    /// Waits until something is lost on the wire.
    pub async fn wait_swallowed(&self) {
        let mut swallowed = self.swallowed.subscribe();
        timeout(PATIENCE, swallowed.wait_for(|&bytes| bytes > 0)).await.expect("nothing was swallowed").unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}

#[derive(Debug, Clone)]
struct Wire {
    server: SocketAddr,
    orders: watch::Receiver<Orders>,
    swallowed: watch::Sender<usize>,
}

impl Wire {
    async fn carry_all(self, listener: TcpListener, address: SocketAddr) {
        let mut orders = self.orders.clone();
        let mut listener = Some(listener);
        // Connections end with this task.
        let mut connections = JoinSet::new();
        loop {
            if listener.is_none() {
                orders.wait_for(|orders| !orders.refuses).await.unwrap();
                listener = Some(TcpListener::bind(address).await.unwrap());
            }
            let Some(open) = &listener else { continue };
            tokio::select! {
                _refused = orders.wait_for(|orders| orders.refuses) => listener = None,
                accepted = open.accept() => {
                    connections.spawn(self.clone().carry(accepted.unwrap().0));
                }
                Some(_ended) = connections.join_next() => {}
            }
        }
    }

    /// Carries one connection until an end closes it or it is cut.
    async fn carry(self, client: TcpStream) {
        let mut orders = self.orders.clone();
        let made = orders.borrow().cuts;
        // Without a server, the client sees its connection close.
        let Ok(server) = TcpStream::connect(self.server).await else { return };
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::select! {
            _cut = orders.wait_for(|orders| orders.cuts != made) => {}
            () = self.pump(Direction::Requests, from_client, to_server) => {}
            () = self.pump(Direction::Answers, from_server, to_client) => {}
        }
    }

    /// Carries one direction until either end closes.
    async fn pump(&self, direction: Direction, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let (chunks, mut wire) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS);
        let reading = async move {
            let (mut buffer, mut dead) = (vec![0; CHUNK], false);
            while let Ok(count @ 1..) = from.read(&mut buffer).await {
                let orders = *self.orders.borrow();
                dead |= orders.swallows(direction);
                if dead {
                    self.swallowed.send_modify(|bytes| *bytes += count);
                } else if chunks.send((orders.arrival(direction), buffer[..count].to_vec())).await.is_err() {
                    break;
                }
            }
        };
        let writing = async move {
            while let Some((arrival, chunk)) = wire.recv().await {
                let carried = Instant::now() + self.orders.borrow().time_to_carry(chunk.len());
                sleep_until(arrival.max(carried)).await;
                if to.write_all(&chunk).await.is_err() {
                    break;
                }
            }
        };
        tokio::join!(reading, writing);
    }
}

impl Orders {
    fn swallows(&self, direction: Direction) -> bool {
        match self.swallow {
            Swallow::Nothing => false,
            Swallow::Answers => direction == Direction::Answers,
            Swallow::All => true,
        }
    }

    /// When what comes now arrives at the other end.
    fn arrival(&self, direction: Direction) -> Instant {
        let delay = if direction == Direction::Answers { self.delay } else { Duration::ZERO };
        Instant::now() + delay
    }

    fn time_to_carry(&self, bytes: usize) -> Duration {
        self.bytes_per_second.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(bytes as f64 / f64::from(rate)))
    }
}
