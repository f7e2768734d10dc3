//! Throughput of the embedded store. Run manually, in the profile to measure:
//! `cargo test --test it speed -- --ignored --nocapture`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{env, fs, path::Path};

use splade_sidecar::store::{
    CollectionCatalog, EdgeOptions, EdgeStore, PointReader, PointWriter, SearchQuery, VectorStore,
};
use splade_sidecar::types::{Point, SparseVector};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{VECTOR, count, open_when_free, point, query, spec};

const TERMS: u64 = 150;
const BATCH: u64 = 1_000;
const LAP: u64 = 10 * BATCH;
const IN_FLIGHT: u64 = 4;

/// Returns a vector with as many terms as a paragraph has, from a vocabulary of BERT's size. Low indices are frequent.
fn vector(seed: u64) -> SparseVector {
    let mut state = seed;
    let mut rng = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1u64 << 24) as f32
    };
    let mut entries = BTreeMap::new();
    while (entries.len() as u64) < TERMS {
        let skewed = rng() * rng();
        entries.insert((skewed * 30_522.0) as u32, rng() * 2.5 + 0.01);
    }
    let (indices, values) = entries.into_iter().unzip();
    SparseVector::new(indices, values).expect("a sparse vector")
}

/// Returns the total length of all files, including holes.
fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry"));
    let size = |entry: fs::DirEntry| {
        let metadata = entry.metadata().expect("metadata of the file");
        if metadata.is_dir() { size(&entry.path()) } else { metadata.len() }
    };
    entries.map(size).sum()
}

/// Upserts ten batches, four concurrently, and returns the duration of the slowest.
async fn lap(store: &Arc<EdgeStore>, first: u64) -> Duration {
    let mut writers = JoinSet::new();
    for writer in 0..IN_FLIGHT {
        let store = store.clone();
        writers.spawn(async move {
            let mut slowest = Duration::ZERO;
            for batch in (writer..LAP / BATCH).step_by(IN_FLIGHT as usize) {
                let ids = first + batch * BATCH..first + (batch + 1) * BATCH;
                let points: Vec<_> = ids.map(|id| Point { sparse: vector(id), ..point(id, 0) }).collect();
                let begun = Instant::now();
                store.upsert("docs", VECTOR, &points).await.expect("an upsert");
                slowest = slowest.max(begun.elapsed());
            }
            slowest
        });
    }
    writers.join_all().await.into_iter().max().unwrap_or_default()
}

/// Searches ten times per second in an endless loop, and records the durations.
async fn search(store: Arc<EdgeStore>, times: Arc<Mutex<Vec<Duration>>>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(100));
    for seed in 0.. {
        ticks.tick().await;
        let begun = Instant::now();
        let query = SearchQuery { vector: vector(seed), limit: 10, ..query(0) };
        store.search("docs", query).await.expect("a search");
        times.lock().expect("no panic").push(begun.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn points_per_second_with_and_without_merges() {
    let points: u64 = env::var("POINTS").map_or(60_000, |points| points.parse().expect("a number"));
    for merge_every in [usize::MAX, 10_000] {
        println!("merge_every {merge_every}");
        let dir = tempfile::tempdir().expect("a temporary directory");
        let options = EdgeOptions { optimize_after_points: merge_every, ..EdgeOptions::default() };
        let store = Arc::new(EdgeStore::open(dir.path(), options).expect("a store"));
        store.create_collection("docs", &spec()).await.expect("a collection");
        let times = Arc::default();
        let searches = tokio::spawn(search(store.clone(), Arc::clone(&times)));
        for first in (0..points).step_by(LAP as usize) {
            let begun = Instant::now();
            let slowest = lap(&store, first).await;
            let rate = LAP as f64 / begun.elapsed().as_secs_f64();
            println!("  to {:>6}: {rate:>5.0} points/s, slowest upsert {slowest:.1?}", first + LAP);
        }
        searches.abort();
        let mut times = times.lock().expect("no panic").clone();
        times.sort();
        let (median, slowest) = (times.get(times.len() / 2), times.last());
        println!("  search p50 {median:.1?}, slowest {slowest:.1?}; {} MiB on disk", size(dir.path()) >> 20);
        let begun = Instant::now();
        store.close().await.expect("the store closes");
        println!("  closed in {:.1?}", begun.elapsed());
        let begun = Instant::now();
        let store = open_when_free(dir.path(), options);
        println!("  opened in {:.1?}, {} points", begun.elapsed(), count(&store, "docs").await);
    }
}
