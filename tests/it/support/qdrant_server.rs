//! A test server for Qdrant's gRPC protocol on a real socket, on top of Qdrant's embedded engine, with fault injection.
//!
//! It shares no code with the product: it parses the protocol and stores points independently. Codes and messages are
//! those of Qdrant. Unsupported calls return UNIMPLEMENTED.
//!
//! The server runs on a separate runtime. Dropping the runtime simulates a crash: the socket is closed and every
//! connection breaks, also in the middle of a call. The data is kept.

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

/// Timeout of each wait in a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Options that differ from the defaults of a server.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// API key that every call except the health check must carry.
    pub api_key: Option<String>,
    /// Counts points instead of storing them. Searches return nothing.
    pub discard: bool,
    /// Drops the metadata of collections, as servers before 1.16 do.
    pub forget_metadata: bool,
    /// Maximum size of a message in bytes. Default: unlimited, as in Qdrant; a proxy in front of it may have a limit.
    pub max_message_bytes: Option<usize>,
}

/// A running server. It stops when it is dropped.
#[derive(Debug)]
pub struct QdrantServer {
    address: SocketAddr,
    service: Service,
    /// `None` while the server is stopped.
    runtime: Option<Runtime>,
}

impl QdrantServer {
    /// Starts a server with the default options on a free port.
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

    /// Returns the URL of the server.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the faults to inject. Changes take effect at once.
    pub fn faults(&self) -> &Faults {
        self.service.faults()
    }

    /// Returns a snapshot of the counters.
    pub fn counters(&self) -> Counters {
        self.service.counts().snapshot()
    }

    /// Waits until the counters meet the condition, and returns them.
    pub async fn wait_until(&self, condition: impl FnMut(&Counters) -> bool) -> Counters {
        self.service.counts().wait_until(condition).await
    }

    /// Writes points without the gRPC call. Qdrant's HTTP API accepts points that this server can't parse.
    pub fn insert_directly(&self, collection: &str, points: Vec<PointStructPersisted>) {
        self.service.database().get(collection).unwrap().upsert(points).unwrap();
    }

    /// Stops listening, closes every connection, and returns when this is done. The data is kept.
    pub fn stop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        // On a separate thread, because async threads must not block on the shutdown of a runtime.
        let ended = std::thread::spawn(move || runtime.shutdown_timeout(TEST_TIMEOUT));
        ended.join().unwrap();
    }

    /// Restarts the server on the same port with its data.
    pub fn restart(&mut self) {
        self.stop();
        let listener = TcpListener::bind(self.address).unwrap();
        self.runtime = Some(serve(listener, self.service.clone()));
    }

    /// Restarts the server on the same port without any collection.
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
