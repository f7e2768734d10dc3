//! The process is killed at random moments of an ingest, on both stores, and the client resumes from `durable_through`.
//!
//! Three runs a store, unless `SPLADE_KILL_RUNS` says. `SPLADE_KILL_SEED` throws the same dice again.

use std::collections::BTreeSet;
use std::time::Duration;

use splade_sidecar::proto::IngestOptions;
use tempfile::TempDir;
use tokio::time::sleep;

use super::found;
use crate::support::process::Process;
use crate::support::qdrant_server::QdrantServer;
use crate::support::seeded_rng::SeededRng;
use crate::support::upload::{COLLECTION, Upload, docs, options};

/// Documents of one run.
const COUNT: u64 = 600;
const RUNS: u64 = 3;

/// Where a run's documents go.
enum Place {
    Embedded(TempDir),
    /// A server that outlives the sidecar, which needs a folder to run in all the same.
    Remote(TempDir, QdrantServer),
}

impl Place {
    fn embedded() -> Self {
        Self::Embedded(TempDir::new().unwrap())
    }

    /// So slow that kills come amid upserts.
    fn remote() -> Self {
        let server = QdrantServer::start();
        server.faults().delay_upserts(Duration::from_millis(10));
        Self::Remote(TempDir::new().unwrap(), server)
    }

    async fn start(&self) -> Process {
        match self {
            Self::Embedded(folder) => Process::start(folder.path(), &["--store-dir", "store"]).await,
            Self::Remote(folder, server) => Process::start(folder.path(), &["--qdrant-url", &server.url()]).await,
        }
    }

    /// Starts a process that dies before it serves, or soon after.
    async fn start_in_vain(&self, after: Duration) {
        match self {
            Self::Embedded(folder) => Process::start_and_kill(folder.path(), &["--store-dir", "store"], after).await,
            Self::Remote(folder, server) => {
                Process::start_and_kill(folder.path(), &["--qdrant-url", &server.url()], after).await
            }
        }
    }
}

/// What a client knows of its documents, which are numbered from 1.
#[derive(Debug, Default)]
struct Client {
    /// Numbers up to this one have their results.
    durable: u64,
    /// The numbers of what was reported indexed.
    indexed: BTreeSet<u64>,
    kills: u64,
}

impl Client {
    /// Sends all that has no result yet, and kills the process at some moment, or lets it finish.
    async fn send(&mut self, process: Process, dice: &mut SeededRng) -> Option<Process> {
        let found = found(*process, &self.indexed).await;
        assert!(found.keys().eq(&self.indexed), "a document that was reported indexed is missing");
        let options = IngestOptions { batch_points: 20, first_sequence: self.durable + 1, ..options() };
        let mut upload = Upload::open(process.index_client().await, options).await.unwrap();
        let rest: Vec<u64> = (self.durable + 1..=COUNT).collect();
        let survives = rest.is_empty() || (self.kills > 0 && dice.below(2) == 0);
        let moment = if survives { 0 } else { dice.below(rest.len() as u64) };
        let a_message = 1 + dice.below(30) as usize;
        let messages: Vec<_> = rest.chunks(a_message).map(|numbers| docs(numbers.iter().copied())).collect();
        upload.push_all(messages);
        let process = if survives {
            Some(process)
        } else {
            upload.read_results(moment as usize).await;
            // The moment of the kill is a time, drawn at random; nothing is awaited.
            sleep(Duration::from_millis(dice.below(40))).await;
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

/// One ingest to its end. Gives how often the process was killed.
async fn run(place: &Place, dice: &mut SeededRng) -> u64 {
    let mut client = Client::default();
    let process = loop {
        if let Some(process) = client.send(place.start().await, dice).await {
            break process;
        }
        // A start has its work to do too after a kill.
        if dice.below(3) == 0 {
            place.start_in_vain(Duration::from_millis(dice.below(400))).await;
            client.kills += 1;
        }
    };
    let all: BTreeSet<u64> = (1..=COUNT).collect();
    assert_eq!((client.durable, &client.indexed), (COUNT, &all));
    assert_eq!(process.point_count(COLLECTION).await, COUNT, "a document is stored twice, or not at all");
    let found = found(*process, &all).await;
    assert!(found.into_iter().eq(all.iter().map(|&number| (number, format!("document {number}")))));
    client.kills
}

async fn runs(store: &str, place: impl Fn() -> Place) {
    let runs = std::env::var("SPLADE_KILL_RUNS").map_or(RUNS, |runs| runs.parse().unwrap());
    let (mut dice, mut kills) = (SeededRng::from_env("SPLADE_KILL_SEED"), 0);
    for number in 1..=runs {
        kills += run(&place(), &mut dice).await;
        println!(
            "{store}, run {number}: {kills} kills survived, {} documents checked, each there once",
            number * COUNT
        );
    }
}

#[cfg(feature = "embedded")]
#[tokio::test(flavor = "multi_thread")]
async fn on_the_embedded_store() {
    runs("embedded store", Place::embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_qdrant_server() {
    runs("Qdrant server", Place::remote).await;
}
