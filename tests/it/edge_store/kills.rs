//! Kills the process repeatedly during merges, replacing upserts and deletions (`make kills`). No confirmed operation
//! is lost, undone or applied twice.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use splade_sidecar::store::{
    CollectionCatalog, EdgeOptions, EdgeStore, PointReader, PointWriter, VectorStore, WithVectors,
};
use splade_sidecar::types::{DocumentId, Point, PointId, SparseVector};

use super::durability::{DIR_VARIABLE, start};
use super::{VECTOR, count, open, point, query, spec};

const FIRST: &str = "SPLADE_TEST_FIRST";
const IDS: u64 = 1_200;
/// Enough terms that the engine merges segments at a thousand points.
const TERMS: u32 = 1_500;
/// Points of operation `n` have the term `TAG + n`, so that a search finds them.
const TAG: u32 = 1_000_000;

fn pseudo_random(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11
}

/// Returns whether an operation is a deletion: every fifth is.
fn is_deletion(operation: u64) -> bool {
    operation % 5 == 4
}

/// Returns the ids that an operation changes, derived from its number, so that parent and child agree on them.
fn ids(operation: u64) -> BTreeSet<u64> {
    let size = if is_deletion(operation) { 30 } else { 60 };
    (0..size).map(|n| pseudo_random(operation * 1_000 + n) % IDS).collect()
}

fn point_of_operation(id: u64, operation: u64) -> Point {
    let terms = (0..TERMS).map(|term| term * 20 + (pseudo_random(id) % 20) as u32).chain([TAG + operation as u32]);
    let sparse = SparseVector::new(terms.collect(), vec![0.5; TERMS as usize + 1]).expect("a sparse vector");
    Point { sparse, ..point(id, 0) }
}

async fn apply(store: &EdgeStore, operation: u64) {
    if is_deletion(operation) {
        let ids: Vec<_> = ids(operation).into_iter().map(PointId::Num).collect();
        store.delete("docs", &ids).await.expect("a deletion");
    } else {
        let points: Vec<_> = ids(operation).into_iter().map(|id| point_of_operation(id, operation)).collect();
        store.upsert("docs", VECTOR, &points).await.expect("an upsert");
    }
}

/// Child process of `no_confirmed_operation_is_lost_undone_or_duplicated`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "child process of another test"]
async fn changes_points_until_it_is_killed() {
    let Some(dir) = env::var_os(DIR_VARIABLE) else { return };
    let first: u64 = env::var(FIRST).expect("a number").parse().expect("a number");
    let options = EdgeOptions { optimize_after_points: 150, ..EdgeOptions::default() };
    let store = EdgeStore::open(Path::new(&dir), options).expect("a store");
    for operation in first.. {
        apply(&store, operation).await;
        println!("confirmed {operation}");
        std::io::stdout().flush().expect("standard output");
    }
}

/// Runs a child process until it has confirmed `confirmations` operations, kills it after `delay`, and returns the last
/// confirmed operation.
fn run(dir: &Path, first: u64, confirmations: u64, delay: Duration) -> u64 {
    let mut child = start("changes_points_until_it_is_killed", module_path!(), dir, &[(FIRST, first.to_string())]);
    let stdout = child.stdout.take().expect("its standard output");
    let mut last = None;
    for line in BufReader::new(stdout).lines() {
        if let Some(operation) = line.expect("a line").strip_prefix("confirmed ") {
            last = Some(operation.parse().expect("a number"));
        }
        if last == Some(first + confirmations) {
            // The test kills at a random time, so it does not wait for any event.
            #[allow(clippy::disallowed_methods)]
            thread::sleep(delay);
            child.kill().expect("a running process");
        }
    }
    child.wait().expect("an exit status");
    last.expect("a confirmed operation")
}

/// Returns the operation that upserted each stored point, by id.
async fn stored(store: &EdgeStore) -> BTreeMap<u64, u64> {
    let ids: Vec<_> = (0..IDS).map(PointId::Num).collect();
    let points = store.retrieve("docs", &ids, &WithVectors::sparse(VECTOR)).await.expect("points are retrieved");
    let tagged = points.into_iter().map(|point| {
        let DocumentId::Num(id) = point.id else { panic!("expected a numeric id, got {:?}", point.id) };
        let tag = point.sparse.expect("a vector").indices().last().copied().expect("its tag");
        (id, u64::from(tag - TAG))
    });
    tagged.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; make kills"]
async fn no_confirmed_operation_is_lost_undone_or_duplicated() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = open(dir.path());
    store.create_collection("docs", &spec()).await.expect("a collection");
    store.close().await.expect("the store closes");

    let rounds: u64 = env::var("ROUNDS").map_or(10, |rounds| rounds.parse().expect("a number"));
    let (mut expected, mut first) = (BTreeMap::new(), 0);
    for round in 0..rounds {
        let delay = Duration::from_millis(pseudo_random(round) % 300);
        let last = run(dir.path(), first, 15 + pseudo_random(round) % 20, delay);
        for operation in first..=last {
            for id in ids(operation) {
                if is_deletion(operation) {
                    expected.remove(&id)
                } else {
                    expected.insert(id, operation)
                };
            }
        }

        let store = open(dir.path());
        let stored = stored(&store).await;
        // The operation in flight at the kill may have been applied to any of its points.
        let doubtful = ids(last + 1);
        for id in 0..IDS {
            let (stored, expected) = (stored.get(&id).copied(), expected.get(&id).copied());
            let done = (!is_deletion(last + 1)).then_some(last + 1);
            let doubt = doubtful.contains(&id) && stored == done;
            assert!(stored == expected || doubt, "round {round}, point {id}: {stored:?} for {expected:?}");
        }
        assert_eq!(count(&store, "docs").await, stored.len() as u64, "round {round}");
        for operation in (0..=last + 1).rev().take(60) {
            let found = store.search("docs", query(TAG + operation as u32)).await.expect("a search");
            let found: BTreeSet<_> = found.iter().map(|hit| hit.id.to_point_id()).collect();
            let with_tag = stored.iter().filter(|&(_, &tag)| tag == operation).map(|(&id, _)| PointId::Num(id));
            assert_eq!(found, with_tag.collect(), "round {round}, operation {operation}");
        }
        println!("round {round}: operations {first} to {last}, {} points", stored.len());
        store.close().await.expect("the store closes");
        expected = stored;
        first = last + 2;
    }
}
