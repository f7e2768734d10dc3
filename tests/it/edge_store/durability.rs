//! Durability of the embedded store across crashes.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use splade_sidecar::store::{CollectionCatalog, PointReader, PointWriter, VectorStore, WithVectors};
use splade_sidecar::types::PointId;
use tokio::task::JoinSet;

use super::{VECTOR, count, open, point, query, spec};

/// Environment variable that names the directory of the child process that is killed.
pub(super) const DIR_VARIABLE: &str = "SPLADE_TEST_DIR";
const BATCH: u64 = 10;

/// Child process of `confirmed_points_survive_a_kill`: upserts batches in an endless loop, four concurrently, and
/// prints each confirmed one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "child process of another test"]
async fn upserts_until_it_is_killed() {
    let Some(dir) = env::var_os(DIR_VARIABLE) else { return };
    let store = Arc::new(open(Path::new(&dir)));
    if store.get_collection("docs").await.expect("an answer").is_none() {
        store.create_collection("docs", &spec()).await.expect("a collection");
    }
    let first = count(&store, "docs").await / BATCH + 1_000;
    let mut upserts = JoinSet::new();
    for writer in 0..4 {
        let store = store.clone();
        upserts.spawn(async move {
            for batch in (first + writer..).step_by(4) {
                let points: Vec<_> = (0..BATCH).map(|n| point(batch * BATCH + n, batch as u32)).collect();
                store.upsert("docs", VECTOR, &points).await.expect("an upsert");
                println!("confirmed {batch}");
                std::io::stdout().flush().expect("standard output");
            }
        });
    }
    upserts.join_all().await;
}

/// Starts this test binary as a child process that runs an ignored test of `module` on a directory.
pub(super) fn start(test: &str, module: &str, dir: &Path, variables: &[(&str, String)]) -> Child {
    let (_, module) = module.split_once("::").expect("a module in a crate");
    Command::new(env::current_exe().expect("this binary"))
        .args([&format!("{module}::{test}"), "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(DIR_VARIABLE, dir)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process")
}

/// Kills the process (SIGKILL) after `confirmations` batches, and returns all batches that it confirmed.
fn kill_after(mut child: Child, confirmations: usize) -> Vec<u64> {
    let mut confirmed = Vec::new();
    let stdout = child.stdout.take().expect("its standard output");
    for line in BufReader::new(stdout).lines() {
        if let Some(batch) = line.expect("a line").strip_prefix("confirmed ") {
            confirmed.push(batch.parse().expect("a number"));
        }
        if confirmed.len() == confirmations {
            child.kill().expect("a running process");
        }
    }
    child.wait().expect("an exit status");
    assert!(confirmed.len() >= confirmations, "the process exited after {confirmed:?}");
    confirmed
}

#[tokio::test]
async fn confirmed_points_survive_a_kill() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut confirmed = Vec::new();
    for confirmations in [1, 7, 30] {
        confirmed
            .extend(kill_after(start("upserts_until_it_is_killed", module_path!(), dir.path(), &[]), confirmations));
        let store = open(dir.path());
        for &batch in &confirmed {
            let found = store.search("docs", query(batch as u32)).await.expect("a search");
            assert_eq!(found.len() as u64, BATCH, "batch {batch} of {confirmed:?}");
            let ids: Vec<_> = (0..BATCH).map(|n| PointId::Num(batch * BATCH + n)).collect();
            let stored =
                store.retrieve("docs", &ids, &WithVectors::sparse(VECTOR)).await.expect("points are retrieved");
            for (number, point) in (batch * BATCH..).zip(stored) {
                let expected = super::point(number, batch as u32);
                assert_eq!((point.payload, point.sparse), (expected.payload, Some(expected.sparse)));
            }
        }
        // An unconfirmed point is stored completely and once, or not at all.
        let points = count(&store, "docs").await;
        assert!(points >= confirmed.len() as u64 * BATCH, "{points} points, {} batches", confirmed.len());
        store.close().await.expect("the store closes");
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("its type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Returns the only segment of a collection.
fn only_segment(collection: &Path) -> PathBuf {
    let mut segments =
        fs::read_dir(collection.join("segments")).expect("the segments").map(|entry| entry.expect("an entry").path());
    let segment = segments.next().expect("a segment");
    assert_eq!(segments.next(), None);
    segment
}

/// A kill during a merge can leave the old segments beside the merged one. The test simulates that with an old copy of
/// the only segment.
#[tokio::test]
async fn an_interrupted_merge_is_repaired() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let docs = dir.path().join("collections/docs");
    let old = dir.path().join("old");

    let store = open(dir.path());
    store.create_collection("docs", &spec()).await.expect("a collection");
    let points: Vec<_> = (0..1_500).map(|id| point(id, 7)).collect();
    store.upsert("docs", VECTOR, &points).await.expect("an upsert");
    store.close().await.expect("the store closes");
    copy(&only_segment(&docs), &old);

    let store = open(dir.path());
    store.upsert("docs", VECTOR, &[point(1, 8), point(2, 8)]).await.expect("an upsert");
    store.delete("docs", &[PointId::Num(2), PointId::Num(3), PointId::Num(4)]).await.expect("a deletion");
    store.upsert("docs", VECTOR, &[point(4, 9)]).await.expect("an upsert");
    store.close().await.expect("the store closes");
    copy(&old, &docs.join("segments/0a0a0a0a-0000-4000-8000-000000000001"));
    fs::create_dir_all(docs.join("temp_segments/half")).expect("a leftover");
    let journal = "{\"Upserted\":[1,2]}\n{\"Deleted\":[2,3,4]}\n{\"Upserted\":[4]}\n{\"Deleted\":[";
    fs::write(docs.join("open.jsonl"), journal).expect("a journal");

    for _ in 0..2 {
        let store = open(dir.path());
        assert_eq!(count(&store, "docs").await, 1_498);
        let mut stored = BTreeMap::new();
        for term in [7, 8, 9] {
            let search = super::SearchQuery { limit: 5_000, ..query(term) };
            let hits = store.search("docs", search).await.expect("a search");
            for hit in hits {
                assert_eq!(stored.insert(hit.id.to_point_id(), term), None, "{:?} was found twice", hit.id);
            }
        }
        let expected = (0..1_500).filter(|id| ![2, 3].contains(id));
        let term = |id| match id {
            1 => 8,
            4 => 9,
            _ => 7,
        };
        assert_eq!(stored, expected.map(|id| (PointId::Num(id), term(id))).collect());
        assert!(!docs.join("temp_segments").exists());
        store.close().await.expect("the store closes");
        assert!(!docs.join("open.jsonl").exists());
    }
}

/// The engine never truncates its WAL, so the store must.
#[tokio::test]
async fn the_wal_stays_bounded_and_its_sequence_numbers_continue() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let log = dir.path().join("collections/docs/wal");
    let size = || -> u64 {
        fs::read_dir(&log)
            .expect("the log")
            .map(|entry| entry.expect("an entry").metadata().expect("its size").len())
            .sum()
    };
    // Two of these points don't fit into one WAL segment of 32 MiB.
    let text = "x".repeat(17 << 20);
    let big = |term| {
        let mut point = point(1, term);
        point.payload.insert("text".into(), text.as_str().into());
        point
    };
    for (run, upserts) in [(0_u32, 5_u32), (1, 2)] {
        let store = open(dir.path());
        if run == 0 {
            store.create_collection("docs", &spec()).await.expect("a collection");
        }
        let term = |n| 100 * run + n;
        for n in 1..=upserts {
            store.upsert("docs", VECTOR, &[big(term(n)), point(2, term(n))]).await.expect("an upsert");
        }
        // The open segment, the next one, and the last closed one.
        assert!(size() <= 96 << 20, "{} MiB", size() >> 20);
        for (n, found) in [(upserts - 1, 0), (upserts, 2)] {
            assert_eq!(store.search("docs", query(term(n))).await.expect("a search").len(), found);
        }
        store.close().await.expect("the store closes");
    }
}
