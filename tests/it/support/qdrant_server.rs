//! A server that speaks Qdrant's gRPC protocol on a real socket, over Qdrant's embedded engine, with faults to order.
//!
//! It knows nothing of the code under test: it reads the protocol, and keeps points, by itself. Codes and messages are
//! Qdrant's own. What it can't do is answered UNIMPLEMENTED.
//!
//! The server runs on a runtime of its own. Dropping that runtime is how it vanishes: the socket closes and every
//! connection breaks in the middle of whatever it was doing. The data stays.

mod collection;
mod collections;
mod counters;
mod database;
mod faults;
mod filter;
mod points;
mod replica;
mod service;
mod stubs;
mod wire;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use qdrant_edge::PointStructPersisted;
use tokio::runtime::{Builder, Runtime};

pub use self::counters::Counters;
pub use self::faults::{Call, Faults};
use self::service::Service;

/// How long anything may take before a test fails.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// How a server differs from the usual one.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The key that every call but the health check must carry.
    pub api_key: Option<String>,
    /// Count points instead of keeping them. Searches find nothing.
    pub discard: bool,
    /// Forget the metadata of collections, as servers before 1.16 do.
    pub forget_metadata: bool,
    /// The most bytes of one message. Default: no bound, as Qdrant has none; what is in front of it may have one.
    pub max_message_bytes: Option<usize>,
}

/// A running server. It ends when it is dropped.
#[derive(Debug)]
pub struct QdrantServer {
    address: SocketAddr,
    service: Service,
    /// `None` while it has vanished.
    runtime: Option<Runtime>,
}

impl QdrantServer {
    /// Starts the usual server on a free port.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts a server on a free port.
    pub fn start_with(options: Options) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let service = Service::new(options);
        let runtime = Some(serve(listener, service.clone()));
        Self { address, service, runtime }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes wrong. Orders take effect at once.
    pub fn faults(&self) -> &Faults {
        self.service.faults()
    }

    /// What was seen so far.
    pub fn counters(&self) -> Counters {
        self.service.counts().snapshot()
    }

    /// Waits until what was seen meets the condition, and returns it.
    pub async fn wait_until(&self, condition: impl FnMut(&Counters) -> bool) -> Counters {
        self.service.counts().wait_until(condition).await
    }

    /// Puts points into a collection past the protocol, as Qdrant's HTTP API does, which takes what this server can't read.
    pub fn insert_directly(&self, collection: &str, points: Vec<PointStructPersisted>) {
        self.service.database().get(collection).unwrap().upsert(points).unwrap();
    }

    /// Stops listening and breaks every connection, and returns when that is done. The data stays.
    pub fn stop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        // On a thread of its own, for async threads must not wait for a runtime.
        let ended = std::thread::spawn(move || runtime.shutdown_timeout(TEST_TIMEOUT));
        ended.join().unwrap();
    }

    /// Comes back on the same port, with the data that it had.
    pub fn restart(&mut self) {
        self.stop();
        let listener = TcpListener::bind(self.address).unwrap();
        self.runtime = Some(serve(listener, self.service.clone()));
    }

    /// Comes back on the same port without any collection.
    pub fn restart_empty(&mut self) {
        self.stop();
        self.service.database().clear();
        self.restart();
    }
}

impl Drop for QdrantServer {
    fn drop(&mut self) {
        self.stop();
    }
}

fn serve(listener: TcpListener, service: Service) -> Runtime {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(service.serve(listener));
    runtime
}
