//! Faults of the network and the store during an ingest, injected by a TCP proxy: every batch is retried until it is
//! indexed, `durable_through` is correct at all times, and memory stays flat.
//!
//! Faults are short; `SPLADE_OUTAGE_SECONDS` (60) and `SPLADE_SLOW_SECONDS` (5) set their duration.

use std::time::Duration;

use splade_sidecar::proto::IngestOptions;
use tempfile::TempDir;
use tokio::time::{Instant, interval, sleep};
use tonic::Status;

use super::{PERMITS, fetch_stored, start_remote_process_at};
use crate::support::process::Process;
use crate::support::proxy::{Blackhole, Proxy};
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::upload::{COLLECTION, Upload, docs, options};

/// Number of documents of an ingest, and the maximum number in flight.
const COUNT: u64 = 2_400;
const MAX_DOCUMENTS: usize = 600;
/// Maximum increase of memory after the first results.
const MEMORY_KIB: u64 = 16 << 10;

/// A sidecar, a store, and the proxy between them.
struct Scene {
    store: QdrantServer,
    wire: Proxy,
    process: Process,
    _dir: TempDir,
}

/// Maximum values observed.
#[derive(Debug, Default)]
struct Most {
    held: usize,
    resident_kib: u64,
}

impl Scene {
    async fn new(flags: &[&str]) -> Self {
        let store = QdrantServer::start();
        store.faults().delay_upserts(Duration::from_millis(10));
        let wire = Proxy::start(store.address()).await;
        let dir = TempDir::new().unwrap();
        let max_documents = MAX_DOCUMENTS.to_string();
        let flags = [&["--max-in-flight-documents", max_documents.as_str()], flags].concat();
        let process = start_remote_process_at(&dir, &wire.url(), &flags).await;
        Self { store, wire, process, _dir: dir }
    }

    /// Samples the process until `work` is done.
    async fn watch<T>(&self, work: &tokio::task::JoinHandle<T>) -> Most {
        let (mut ticks, mut most) = (interval(Duration::from_millis(100)), Most::default());
        while !work.is_finished() {
            ticks.tick().await;
            most.held = most.held.max(self.process.samples().await.get(PERMITS) as usize);
            most.resident_kib = most.resident_kib.max(self.process.resident_kib());
        }
        most
    }

    /// Ingests while a fault happens, and checks the guarantees.
    async fn survives(&self, fault: impl AsyncFnOnce(&Self)) {
        let options = IngestOptions { batch_points: 100, ..options() };
        let mut upload = Upload::open(self.process.index_client().await, options).await.unwrap();
        let messages = (1..=COUNT).step_by(10).map(|first| docs(first..first + 10));
        upload.push_all(messages);
        upload.read_results(300).await;
        let (warm, begun) = (self.process.resident_kib(), Instant::now());
        let rest = tokio::spawn(upload.finish_and_drain());
        let ((), most) = tokio::join!(fault(self), self.watch(&rest));
        let (got, end) = rest.await.unwrap();
        end.unwrap();
        got.expect_one_each(COUNT as usize);
        assert_eq!(got.indexed().len() as u64, COUNT, "{:?} {:?}", got.rejected(), got.failed());
        assert_eq!(fetch_stored(&self.store, 1..=COUNT).await.len() as u64, COUNT);
        assert_eq!(self.process.point_count(COLLECTION).await, COUNT);
        assert!(most.held <= MAX_DOCUMENTS, "{most:?}");
        assert!(most.resident_kib <= warm + MEMORY_KIB, "{warm} KiB at the start, then {most:?}");
        self.process.wait_samples(|samples| samples.get(PERMITS) == 0.0).await;
        let sent = self.store.counters().points();
        println!(
            "{COUNT} documents indexed in {:.1?}, {sent} points sent; {warm} KiB at the start, then {most:?}",
            begun.elapsed()
        );
    }
}

/// Returns the duration of a fault.
fn seconds(variable: &str, otherwise: u64) -> Duration {
    Duration::from_secs(std::env::var(variable).map_or(otherwise, |seconds| seconds.parse().unwrap()))
}

async fn for_the_outage() {
    // The fault is a duration, so the test does not wait for any event.
    sleep(seconds("SPLADE_OUTAGE_SECONDS", 2)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_disappears_for_a_while() {
    let outage = async |scene: &Scene| {
        scene.wire.refuse_connections();
        for_the_outage().await;
        scene.wire.clear_faults();
    };
    Scene::new(&[]).await.survives(outage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_break_in_the_middle_of_calls() {
    let cuts = async |scene: &Scene| {
        for _ in 0..5 {
            scene.store.faults().delay_upserts(Duration::from_millis(200));
            scene.store.wait_until(|counters| counters.in_flight > 0).await;
            scene.wire.disconnect_all();
            scene.store.wait_until(|counters| counters.in_flight == 0).await;
        }
        scene.store.faults().clear();
    };
    Scene::new(&[]).await.survives(cuts).await;
}

/// Sent data is lost while the connection stays open.
#[tokio::test(flavor = "multi_thread")]
async fn the_network_drops_everything() {
    let half_open = async |scene: &Scene| {
        scene.wire.blackhole(Blackhole::All);
        scene.wire.wait_dropped_bytes().await;
        for_the_outage().await;
        scene.wire.clear_faults();
    };
    Scene::new(&["--qdrant-timeout", "3s"]).await.survives(half_open).await;
}

/// Writes are applied but their responses are lost: the sidecar writes again.
#[tokio::test(flavor = "multi_thread")]
async fn the_network_drops_responses() {
    let scene = Scene::new(&["--qdrant-timeout", "3s"]).await;
    let half_open = async |scene: &Scene| {
        scene.wire.blackhole(Blackhole::Responses);
        scene.wire.wait_dropped_bytes().await;
        for_the_outage().await;
        scene.wire.clear_faults();
    };
    scene.survives(half_open).await;
    let counters = scene.store.counters();
    assert!(counters.written as u64 > COUNT, "nothing was written twice: {}", counters.written);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_is_slow() {
    let slow = async |scene: &Scene| {
        let latency = seconds("SPLADE_SLOW_SECONDS", 1);
        scene.store.faults().delay_upserts(latency / 2);
        scene.wire.delay_responses(latency / 2);
    };
    Scene::new(&[]).await.survives(slow).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_network_is_slow() {
    Scene::new(&[]).await.survives(async |scene| scene.wire.throttle(400_000)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_store_refuses_temporarily() {
    let refusals = async |scene: &Scene| {
        let mut limited = Status::resource_exhausted("Rate limiting exceeded");
        limited.metadata_mut().insert("retry-after", "1".parse().unwrap());
        let (unavailable, late) = (Status::unavailable("no leader"), Status::deadline_exceeded("Timeout"));
        for status in [unavailable, limited, late] {
            scene.store.faults().fail_next(&[Call::Upsert], 3, status);
        }
    };
    let scene = Scene::new(&[]).await;
    scene.survives(refusals).await;
    let counters = scene.store.counters();
    assert!(counters.points() > counters.written, "nothing was refused");
}
