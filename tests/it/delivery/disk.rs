//! Disk faults under the embedded store: full, read-only, locked, truncated files. The error is clear, at the start or
//! for each document, and confirmed documents are intact after the fault. Files that are truncated after a clean
//! shutdown are tested in edge_store.rs.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use splade_sidecar::proto::{GetCollectionRequest, IngestOptions};
use tempfile::TempDir;
use tokio::time::timeout;
use tonic::Code;

use super::{PERMITS, search_documents};
use crate::support::mount::Mount;
use crate::support::process::Process;
use crate::support::upload::{COLLECTION, ReceivedResults, Upload, docs, ingest, options};

/// Timeout of each wait in a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Number of documents confirmed before each fault.
const COUNT: u64 = 100;
/// Size of the disks, which are tmpfs mounts. The store stops writing below 256 MiB.
const DISK_MIB: u32 = 512;

async fn start(dir: &Path) -> Process {
    Process::start(dir, &["--store-dir", "store"]).await
}

async fn expect_ended(process: Process) {
    process.terminate();
    assert_eq!(process.wait().await.code(), Some(0));
}

/// Creates a store with the confirmed documents 1 to `COUNT`, and shuts it down.
async fn create_store(dir: &Path) {
    let process = start(dir).await;
    assert_eq!(ingest(process.index_client().await, options(), docs(1..=COUNT)).await.indexed().len() as u64, COUNT);
    expect_ended(process).await;
}

/// Checks that the confirmed documents and `more` of the following ones are stored.
async fn expect_kept(process: &Process, more: u64) {
    let all: BTreeSet<u64> = (1..=COUNT + more).collect();
    assert!(search_documents(**process, &all).await.keys().eq(&all), "a confirmed document is missing");
    assert_eq!(process.point_count(COLLECTION).await, COUNT + more);
}

/// Returns the error of a failed start.
async fn error_of_start(dir: &Path) -> String {
    let Err(ended) = Process::try_start(dir, &["--store-dir", "store"]).await else { panic!("the server started") };
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    ended.log
}

/// Fills a disk except for `leave_mib` MiB.
fn take_space(ballast: &Path, leave_mib: u64) {
    let free = || fs4::available_space(ballast.parent().unwrap()).unwrap();
    let mut file = File::create(ballast).unwrap();
    let block = vec![0xff; 1 << 20];
    while free() > leave_mib << 20 {
        match file.write_all(&block) {
            Err(error) if error.kind() == ErrorKind::StorageFull => break,
            written => written.unwrap(),
        }
    }
}

fn expect_full(got: &ReceivedResults, documents: u64) {
    got.expect_one_each(documents as usize);
    assert!(got.indexed().is_empty());
    for result in &got.results {
        let message = &result.error.as_ref().unwrap().message;
        assert!(message.contains("free some space") && message.contains("MiB left"), "{message}");
    }
    // The failure is retryable: the documents are valid once space is available.
    assert!(got.failed().values().all(|reason| *reason == "INTERNAL"));
    assert_eq!((got.rejected().len(), got.durable_through), (0, 0));
}

/// Each document fails with the remedy. Once space is available, the process continues without a restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk() {
    let dir = TempDir::new().unwrap();
    let Some(_disk) = Mount::mount_tmpfs(dir.path(), DISK_MIB) else { return };
    let process = start(dir.path()).await;
    assert_eq!(ingest(process.index_client().await, options(), docs(1..=COUNT)).await.indexed().len() as u64, COUNT);
    let ballast = dir.path().join("ballast");
    for leave_mib in [200, 0] {
        take_space(&ballast, leave_mib);
        expect_full(&ingest(process.index_client().await, options(), docs(COUNT + 1..=COUNT + 50)).await, 50);
        // Creating a collection fails too, and leaves nothing behind.
        let other = IngestOptions { collection: "other".to_owned(), ..options() };
        let mut upload = Upload::open(process.index_client().await, other).await.unwrap();
        let status = timeout(TEST_TIMEOUT, upload.read()).await.expect("an answer").unwrap_err();
        assert!(status.message().contains("free some space"), "{status:?}");
        let absent = GetCollectionRequest { collection: "other".to_owned() };
        assert_eq!(process.index_client().await.get_collection(absent).await.unwrap_err().code(), Code::NotFound);
        expect_kept(&process, 0).await;
        fs::remove_file(&ballast).unwrap();
    }
    assert_eq!(ingest(process.index_client().await, options(), docs(COUNT + 1..=COUNT + 50)).await.indexed().len(), 50);
    expect_kept(&process, 50).await;
    process.wait_samples(|samples| samples.get(PERMITS) == 0.0).await;
    expect_ended(process).await;

    // A start writes little: it serves the stored documents, or names the required space.
    take_space(&ballast, 0);
    match Process::try_start(dir.path(), &["--store-dir", "store"]).await {
        Ok(process) => {
            expect_kept(&process, 50).await;
            expect_full(&ingest(process.index_client().await, options(), docs(COUNT + 1..=COUNT + 50)).await, 50);
            process.kill().await;
        }
        Err(ended) => assert!(ended.log.contains("free some space"), "{ended:?}"),
    }
    fs::remove_file(&ballast).unwrap();
    expect_kept(&start(dir.path()).await, 50).await;
}

/// Another process fills the disk between two writes. The server may exit, but confirmed documents are intact.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_during_an_ingest() {
    let dir = TempDir::new().unwrap();
    let Some(_disk) = Mount::mount_tmpfs(dir.path(), DISK_MIB) else { return };
    let ballast = dir.path().join("ballast");
    let process = start(dir.path()).await;
    let mut upload = Upload::open(process.index_client().await, options()).await.unwrap();
    upload.push_all((1..=4_000).step_by(20).map(|first| docs(first..first + 20)));
    upload.read_results(200).await;
    take_space(&ballast, 0);
    let (got, end) = upload.finish_and_drain().await;
    println!("{} of 4,000 indexed, then {:?}", got.indexed().len(), end.map_err(|status| status.code()));
    process.kill().await;
    fs::remove_file(&ballast).unwrap();
    let process = start(dir.path()).await;
    let indexed: BTreeSet<u64> = got.indexed().into_iter().collect();
    assert!(search_documents(*process, &indexed).await.keys().eq(&indexed), "a confirmed document is missing");
    let first_sequence = got.durable_through + 1;
    let rest = docs(first_sequence..=4_000);
    let count = rest.len();
    let resumed = ingest(process.index_client().await, IngestOptions { first_sequence, ..options() }, rest).await;
    assert_eq!((resumed.indexed().len(), resumed.durable_through), (count, 4_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_directory() {
    let dir = TempDir::new().unwrap();
    create_store(dir.path()).await;
    let Some(read_only) = Mount::mount_read_only(&dir.path().join("store")) else { return };
    let error = error_of_start(dir.path()).await;
    assert!(error.contains("store") && error.contains("that this process can write to (--store-dir)"), "{error}");
    drop(read_only);
    expect_kept(&start(dir.path()).await, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_use_by_another_process() {
    let dir = TempDir::new().unwrap();
    create_store(dir.path()).await;
    let first = start(dir.path()).await;
    let error = error_of_start(dir.path()).await;
    assert!(error.contains("in use by another process") && error.contains("--store-dir"), "{error}");
    expect_kept(&first, 0).await;
    first.kill().await;
    expect_kept(&start(dir.path()).await, 0).await;
}

/// Lists the files of a directory recursively.
fn list_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { list_files(&path) } else { vec![path] }).collect()
}

/// After a kill, each file in turn is truncated to nothing or to half. A start fails with the collection and the
/// remedy, or serves all confirmed documents; it never serves fewer.
#[tokio::test(flavor = "multi_thread")]
async fn files_truncated_after_a_kill() {
    let origin = TempDir::new().unwrap();
    let process = start(origin.path()).await;
    assert_eq!(ingest(process.index_client().await, options(), docs(1..=COUNT)).await.indexed().len() as u64, COUNT);
    process.kill().await;
    let collection = Path::new("store/collections/docs");
    let (mut refused, mut harmless) = (0, 0);
    for file in list_files(&origin.path().join(collection)) {
        let name = file.strip_prefix(origin.path()).unwrap();
        let length = fs::metadata(&file).unwrap().len();
        let cuts: BTreeSet<u64> = [0, length / 2].into_iter().filter(|&cut| cut < length).collect();
        for cut in cuts {
            let dir = TempDir::new().unwrap();
            let mut copy = Command::new("cp");
            copy.args(["-a", "--sparse=always", "store"]).arg(dir.path()).current_dir(origin.path());
            assert!(copy.status().unwrap().success());
            File::options().write(true).open(dir.path().join(name)).unwrap().set_len(cut).unwrap();
            match Process::try_start(dir.path(), &["--store-dir", "store"]).await {
                Ok(process) => {
                    println!("{} of {length} bytes truncated to {cut}: serves", name.display());
                    expect_kept(&process, 0).await;
                    harmless += 1;
                }
                Err(ended) => {
                    println!("{} of {length} bytes truncated to {cut}: {}", name.display(), ended.log);
                    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
                    let collection = collection.to_str().unwrap();
                    let expected = [collection, "restore its directory, or move it out of the store"];
                    assert!(expected.iter().all(|part| ended.log.contains(part)), "{ended:?}");
                    refused += 1;
                }
            }
        }
    }
    println!("{refused} truncations were refused, {harmless} were harmless");
}
