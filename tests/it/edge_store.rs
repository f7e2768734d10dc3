//! The embedded store: the store contract, and its additional guarantees.

mod durability;
mod kills;
mod speed;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use std::{fs, thread};

use serde_json::json;
use splade_sidecar::store::{
    CollectionCatalog, EdgeOptions, EdgeStore, PointReader, PointWriter, SearchQuery, StoreError, VectorStore,
    WithVectors,
};
use splade_sidecar::types::{
    CollectionSpec, Datatype, DenseSpec, Distance, Payload, Point, PointId, Sharding, SparseVector,
};
use tempfile::TempDir;
use tokio::time::Instant;

const VECTOR: &str = "splade";

mod contract {
    crate::store_contract::contract_tests!(super::temporary_store);
}

/// Creates a store in a temporary directory.
fn temporary_store() -> [(Arc<dyn VectorStore>, TempDir); 1] {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store: Arc<dyn VectorStore> = Arc::new(open(dir.path()));
    [(store, dir)]
}

fn open(dir: &Path) -> EdgeStore {
    EdgeStore::open(dir, EdgeOptions::default()).expect("a store")
}

/// Opens a directory that the threads of a previous store may still have locked.
fn open_when_free(dir: &Path, options: EdgeOptions) -> EdgeStore {
    let give_up = Instant::now() + Duration::from_secs(600);
    loop {
        match EdgeStore::open(dir, options) {
            Ok(store) => return store,
            Err(error) => assert!(Instant::now() < give_up, "{error}"),
        }
        thread::yield_now();
    }
}

fn spec() -> CollectionSpec {
    CollectionSpec {
        vector_name: VECTOR.into(),
        on_disk_index: false,
        datatype: Datatype::Float32,
        dense: [("title".to_owned(), DenseSpec { size: 2, distance: Distance::Dot })].into(),
        model: "splade-tiny".into(),
        fingerprint: None,
        dtype: "float32".into(),
        incarnation: "f47ac10b".into(),
        sharding: Sharding::single(),
    }
}

/// Returns a point whose vector has one term; its payload field `n` is the id.
fn point(id: u64, term: u32) -> Point {
    let sparse = SparseVector::new(vec![term], vec![0.5]).expect("a sparse vector");
    let mut payload = Payload::new();
    payload.insert("n".into(), json!(id));
    Point { id: PointId::Num(id), sparse, dense: Default::default(), payload }
}

fn query(term: u32) -> SearchQuery {
    SearchQuery {
        vector_name: VECTOR.into(),
        vector: SparseVector::new(vec![term], vec![1.0]).expect("a sparse vector"),
        filter: None,
        limit: 1_000,
        offset: 0,
        score_threshold: None,
        with_payload: true,
        vectors: WithVectors::default(),
    }
}

async fn count(store: &EdgeStore, name: &str) -> u64 {
    store.get_collection(name).await.expect("an answer").expect("the collection").point_count
}

#[tokio::test]
async fn a_closed_store_reopens_with_its_data() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for run in 0..3 {
        let store = open(dir.path());
        if run == 0 {
            store.create_collection("docs", &spec()).await.expect("a collection");
            store.create_collection("other", &spec()).await.expect("a collection");
        }
        assert_eq!(count(&store, "docs").await, run);
        store.upsert("docs", VECTOR, &[point(run, 7)]).await.expect("an upsert");
        assert_eq!(store.search("docs", query(7)).await.expect("a search").len() as u64, run + 1);
        let info = store.get_collection("docs").await.expect("an answer").expect("the collection");
        assert_eq!((info.spec, count(&store, "other").await), (spec(), 0));
        store.close().await.expect("the store closes");
    }
}

#[tokio::test]
async fn a_directory_in_use_is_refused_until_it_is_released() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let first = open(dir.path());
    let second = EdgeStore::open(dir.path(), EdgeOptions::default()).expect_err("the directory is locked").to_string();
    assert!(second.contains("in use by another process") && second.contains("--store-dir"), "{second}");
    assert!(second.contains(&dir.path().display().to_string()), "{second}");
    first.close().await.expect("the store closes");
    open(dir.path());
}

/// Dropping doesn't block; the remaining threads release the directory.
#[tokio::test]
async fn a_dropped_store_releases_its_directory() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = open(dir.path());
    store.create_collection("docs", &spec()).await.expect("a collection");
    store.upsert("docs", VECTOR, &[point(1, 7)]).await.expect("an upsert");
    drop(store);
    let store = open_when_free(dir.path(), EdgeOptions::default());
    assert_eq!(count(&store, "docs").await, 1);
}

#[tokio::test]
async fn a_name_outside_the_directory_is_refused() {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let store = open(&parent.path().join("store"));
    for name in ["../escaped", "/tmp/escaped", "..", ".", "", ".hidden", "a/b", "a\\b", "a\0b"] {
        let created = store.create_collection(name, &spec()).await;
        assert!(matches!(created, Err(StoreError::Refused(_))), "{name}: {created:?}");
        assert_eq!(store.get_collection(name).await, Ok(None));
    }
    let escape = CollectionSpec { vector_name: "a/../../../../escaped".into(), ..spec() };
    let created = store.create_collection("docs", &escape).await;
    assert!(matches!(created, Err(StoreError::Refused(_))), "{created:?}");
    assert_eq!(store.get_collection("docs").await, Ok(None));
    let left: Vec<_> =
        fs::read_dir(parent.path()).expect("the directory").map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(left, [parent.path().join("store")]);
    store.create_collection("docs", &spec()).await.expect("the name is free after the refused creation");
}

/// The error at the start names the collection, regardless of which of its files is damaged.
#[tokio::test]
async fn a_damaged_collection_is_named_in_the_error() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = open(dir.path());
    store.create_collection("docs", &spec()).await.expect("a collection");
    store.close().await.expect("the store closes");
    let docs = dir.path().join("collections/docs");
    for file in ["splade.json", "edge_config.json"] {
        let path = docs.join(file);
        let whole = fs::read(&path).expect("the file");
        fs::write(&path, "{").expect("a writable file");
        let error = EdgeStore::open(dir.path(), EdgeOptions::default()).expect_err(file).to_string();
        assert!(error.contains(&docs.display().to_string()) && error.contains("move it out"), "{error}");
        fs::write(&path, whole).expect("a writable file");
    }
    open(dir.path());
}

/// Lists the files of a directory recursively.
fn list_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { list_files(&path) } else { vec![path] }).collect()
}

/// The engine would open such a file and silently miss points.
#[tokio::test]
async fn a_truncated_or_missing_file_is_named_in_the_error() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = open(dir.path());
    store.create_collection("docs", &spec()).await.expect("a collection");
    let points: Vec<_> = (0..100).map(|id| point(id, 7)).collect();
    store.upsert("docs", VECTOR, &points).await.expect("an upsert");
    store.close().await.expect("the store closes");
    let docs = dir.path().join("collections/docs");
    let kept = tempfile::tempdir_in(dir.path()).expect("a temporary directory");
    let mut cuts = 0;
    for file in list_files(&docs) {
        let length = fs::metadata(&file).expect("metadata of the file").len();
        let aside = kept.path().join("file");
        fs::rename(&file, &aside).expect("a rename");
        for cut in [None, Some(0), Some(length / 2)].into_iter().filter(|&cut| cut != Some(length)) {
            if file.ends_with("files.json") && cut.is_none() {
                continue;
            }
            if let Some(cut) = cut {
                fs::File::create(&file).expect("a file").set_len(cut).expect("a truncation");
            }
            let opened = EdgeStore::open(dir.path(), EdgeOptions::default());
            let error = opened.err().unwrap_or_else(|| panic!("{} cut to {cut:?}", file.display())).to_string();
            let name = file.file_name().expect("a name").to_str().expect("a name");
            for part in [name, docs.to_str().expect("a path"), "move it out of the store"] {
                assert!(error.contains(part), "{error}");
            }
            cuts += 1;
        }
        fs::rename(&aside, &file).expect("a rename");
    }
    println!("{cuts} truncations were detected");
    assert_eq!(count(&open(dir.path()), "docs").await, 100);
}

#[tokio::test]
async fn a_directory_that_cannot_be_created_is_named_in_the_error() {
    let parent = tempfile::tempdir().expect("a temporary directory");
    let file = parent.path().join("file");
    fs::write(&file, "in the way").expect("a file");
    let error = EdgeStore::open(&file, EdgeOptions::default()).expect_err("a file is not a directory").to_string();
    assert!(error.contains(&file.display().to_string()), "{error}");
}

/// Searches and writes in flight complete before the store closes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_waits_for_calls_in_flight() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Arc::new(open(dir.path()));
    store.create_collection("docs", &spec()).await.expect("a collection");
    let writes: Vec<_> = (0..40)
        .map(|id| {
            let store = store.clone();
            tokio::spawn(async move { store.upsert("docs", VECTOR, &[point(id, 7)]).await })
        })
        .collect();
    store.search("docs", query(7)).await.expect("a search");
    store.close().await.expect("the store closes");
    let mut confirmed = 0;
    for write in writes {
        match write.await.expect("the task ends") {
            Ok(()) => confirmed += 1,
            Err(error) => assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}"),
        }
    }
    assert_eq!(count(&open(dir.path()), "docs").await, confirmed);
}
