//! The process is killed at random times during an ingest, on both stores, and the client resumes from
//! `durable_through`.
//!
//! Three runs per store; `SPLADE_KILL_RUNS` changes it. `SPLADE_KILL_SEED` reproduces a run.

use std::collections::BTreeSet;
use std::time::Duration;

use splade_sidecar::proto::IngestOptions;
use tempfile::TempDir;
use tokio::time::sleep;

use super::search_documents;
use crate::support::process::Process;
use crate::support::qdrant_server::QdrantServer;
use crate::support::seeded_rng::SeededRng;
use crate::support::upload::{COLLECTION, Upload, docs, options};

/// Number of documents of one run.
const COUNT: u64 = 600;
const RUNS: u64 = 3;

/// The store of a run.
enum TestStore {
    Embedded(TempDir),
    /// A server that outlives the sidecar. The directory is the sidecar's working directory.
    Remote(TempDir, QdrantServer),
}

impl TestStore {
    fn embedded() -> Self {
        Self::Embedded(TempDir::new().unwrap())
    }

    /// Slow enough that kills happen during upserts.
    fn remote() -> Self {
        let server = QdrantServer::start();
        server.faults().delay_upserts(Duration::from_millis(10));
        Self::Remote(TempDir::new().unwrap(), server)
    }

    async fn start(&self) -> Process {
        match self {
            Self::Embedded(dir) => Process::start(dir.path(), &["--store-dir", "store"]).await,
            Self::Remote(dir, server) => Process::start(dir.path(), &["--qdrant-url", &server.url()]).await,
        }
    }

    /// Starts a process and kills it before or shortly after it is ready.
    async fn start_and_kill(&self, after: Duration) {
        match self {
            Self::Embedded(dir) => Process::start_and_kill(dir.path(), &["--store-dir", "store"], after).await,
            Self::Remote(dir, server) => {
                Process::start_and_kill(dir.path(), &["--qdrant-url", &server.url()], after).await
            }
        }
    }
}

/// State of the client, whose documents are numbered from 1.
#[derive(Debug, Default)]
struct Client {
    /// Documents up to this number have final results.
    durable: u64,
    /// Documents that were reported as INDEXED.
    indexed: BTreeSet<u64>,
    kills: u64,
}

impl Client {
    /// Sends all documents without a final result, and either kills the process at a random time or lets it finish.
    async fn send(&mut self, process: Process, rng: &mut SeededRng) -> Option<Process> {
        let found = search_documents(*process, &self.indexed).await;
        assert!(found.keys().eq(&self.indexed), "a document that was reported as INDEXED is missing");
        let options = IngestOptions { batch_points: 20, first_sequence: self.durable + 1, ..options() };
        let mut upload = Upload::open(process.index_client().await, options).await.unwrap();
        let rest: Vec<u64> = (self.durable + 1..=COUNT).collect();
        let survives = rest.is_empty() || (self.kills > 0 && rng.below(2) == 0);
        let moment = if survives { 0 } else { rng.below(rest.len() as u64) };
        let a_message = 1 + rng.below(30) as usize;
        let messages: Vec<_> = rest.chunks(a_message).map(|numbers| docs(numbers.iter().copied())).collect();
        upload.push_all(messages);
        let process = if survives {
            Some(process)
        } else {
            upload.read_results(moment as usize).await;
            // The test kills at a random time, so it does not wait for any event.
            sleep(Duration::from_millis(rng.below(40))).await;
            process.kill().await;
            self.kills += 1;
            None
        };
        let (got, end) = upload.finish_and_drain().await;
        assert!(process.is_none() || end.is_ok(), "{end:?}");
        assert!(got.rejected().is_empty() && got.failed().is_empty(), "{:?} {:?}", got.rejected(), got.failed());
        self.indexed.extend(got.indexed());
        self.durable = got.durable_through;
        process
    }
}

/// Runs one complete ingest and returns the number of kills.
async fn run(store: &TestStore, rng: &mut SeededRng) -> u64 {
    let mut client = Client::default();
    let process = loop {
        if let Some(process) = client.send(store.start().await, rng).await {
            break process;
        }
        // Recovery at the start after a kill must survive kills too.
        if rng.below(3) == 0 {
            store.start_and_kill(Duration::from_millis(rng.below(400))).await;
            client.kills += 1;
        }
    };
    let all: BTreeSet<u64> = (1..=COUNT).collect();
    assert_eq!((client.durable, &client.indexed), (COUNT, &all));
    assert_eq!(process.point_count(COLLECTION).await, COUNT, "a document is stored twice, or not at all");
    let found = search_documents(*process, &all).await;
    assert!(found.into_iter().eq(all.iter().map(|&number| (number, format!("document {number}")))));
    client.kills
}

async fn runs(name: &str, create_store: impl Fn() -> TestStore) {
    let runs = std::env::var("SPLADE_KILL_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    let (mut rng, mut kills) = (SeededRng::from_env("SPLADE_KILL_SEED"), 0);
    for number in 1..=runs {
        kills += run(&create_store(), &mut rng).await;
        println!(
            "{name}, run {number}: {kills} kills survived, {} documents checked, each stored once",
            number * COUNT
        );
    }
}

#[cfg(feature = "embedded")]
#[tokio::test(flavor = "multi_thread")]
async fn on_the_embedded_store() {
    runs("embedded store", TestStore::embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_qdrant_server() {
    runs("Qdrant server", TestStore::remote).await;
}
