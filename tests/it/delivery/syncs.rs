//! Slow and failing disk syncs under the embedded store: every INDEXED or UNCHANGED result survives a kill, for all
//! streams.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use splade_sidecar::proto::{IngestOptions, OperationStatus};
use tempfile::TempDir;
use tokio::time::timeout;
use tonic_health::pb::health_check_response::ServingStatus;

use super::search_documents;
use crate::support::process::Process;
use crate::support::sync_faults::SyncFaults;
use crate::support::upload::{ReceivedResults, Upload, docs, ingest, options};

/// Timeout of each wait in a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Number of documents confirmed before each fault.
const COUNT: u64 = 5;
/// The document sent during the fault.
const LATER: u64 = 7;
/// A short retry deadline, so that failures are reported soon.
const FLAGS: [&str; 4] = ["--store-dir", "store", "--retry-deadline", "2s"];

fn skipping() -> IngestOptions {
    IngestOptions { skip_unchanged: true, ..options() }
}

/// Returns those of the documents, given in the order they were sent, that are INDEXED or UNCHANGED.
fn confirmed(got: &ReceivedResults, numbers: &[u64]) -> BTreeSet<u64> {
    let is_confirmed = |status| matches!(status, OperationStatus::Indexed | OperationStatus::Unchanged);
    let results = got.results.iter().filter(|result| is_confirmed(result.status()));
    results.map(|result| numbers[result.sequence as usize - 1]).collect()
}

async fn expect_found(dir: &Path, numbers: &BTreeSet<u64>) -> Process {
    let process = Process::start(dir, &FLAGS).await;
    assert!(search_documents(*process, numbers).await.keys().eq(numbers), "a confirmed document is missing");
    process
}

/// The document of stream A is applied and its flush is slow; stream B sends a durable document and then that of stream
/// A.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_flush() {
    let Some(faults) = SyncFaults::new() else { return };
    let dir = TempDir::new().unwrap();
    let process = faults.start(dir.path(), &FLAGS).await;
    assert_eq!(ingest(process.index_client().await, options(), docs(1..=COUNT)).await.indexed().len() as u64, COUNT);

    let held = faults.hold();
    let first = Upload::open(process.index_client().await, options()).await.unwrap();
    first.push(docs([LATER])).await;
    timeout(TEST_TIMEOUT, held).await.expect("no sync was held");
    let mut second = Upload::open(process.index_client().await, skipping()).await.unwrap();
    second.push(docs([1, LATER])).await;
    second.read_results(1).await;
    process.kill().await;
    faults.clear();

    let mut all: BTreeSet<u64> = (1..=COUNT).collect();
    for (upload, numbers) in [(first, vec![LATER]), (second, vec![1, LATER])] {
        let (got, end) = upload.finish_and_drain().await;
        end.unwrap_err();
        all.extend(confirmed(&got, &numbers));
    }
    assert!(!all.contains(&LATER), "the document was not durable yet");
    expect_found(dir.path(), &all).await;
}

/// After a failed flush nothing is confirmed until a restart, even if the disk works again; health reports it.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_flush() {
    let Some(faults) = SyncFaults::new() else { return };
    for is_killed in [true, false] {
        let dir = TempDir::new().unwrap();
        let process = faults.start(dir.path(), &FLAGS).await;
        assert_eq!(
            ingest(process.index_client().await, options(), docs(1..=COUNT)).await.indexed().len() as u64,
            COUNT
        );

        faults.fail();
        let mut all: BTreeSet<u64> = (1..=COUNT).collect();
        let got = ingest(process.index_client().await, options(), docs([LATER])).await;
        all.extend(confirmed(&got, &[LATER]));
        faults.clear();
        for numbers in [vec![LATER, 1], (LATER..LATER + 200).collect()] {
            let got = ingest(process.index_client().await, skipping(), docs(numbers.iter().copied())).await;
            all.extend(confirmed(&got, &numbers));
            assert!(got.rejected().is_empty(), "{:?}", got.rejected());
            for error in got.results.iter().filter_map(|result| result.error.as_ref()) {
                assert_eq!(error.reason, "STORE_UNAVAILABLE");
                for part in ["store/collections/docs", "check the disk, then restart this process"] {
                    assert!(error.message.contains(part), "{}", error.message);
                }
            }
        }
        assert_eq!(all.len() as u64, COUNT, "documents were confirmed after the failed flush");
        process.wait_health("", ServingStatus::NotServing).await;
        process.wait_for_log("collection out of service").await;
        if is_killed {
            process.kill().await;
        } else {
            process.terminate();
            process.wait().await;
        }

        let process = expect_found(dir.path(), &all).await;
        let got = ingest(process.index_client().await, skipping(), docs(1..=LATER + 200)).await;
        assert_eq!((got.rejected().len(), got.failed().len()), (0, 0), "{:?} {:?}", got.rejected(), got.failed());
        expect_all(process, dir.path()).await;
    }
}

/// Checks that all documents are stored, also after another kill.
async fn expect_all(process: Process, dir: &Path) {
    process.kill().await;
    expect_found(dir, &(1..=LATER + 200).collect()).await;
}
