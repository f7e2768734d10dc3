//! Signals: how a process ends, and what is there when the next one starts.

use crate::support::documents::{numbered, options, texts};
use crate::support::process::Process;

const DOCUMENTS: usize = 40;

/// Ends a process that has indexed documents, and gives how many the next one on the same folder finds.
async fn documents_after(end: impl AsyncFnOnce(Process)) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(folder.path(), &[]).await;
    let results = process.ingest(options("docs"), numbered(&texts(DOCUMENTS))).await;
    assert_eq!(results.len(), DOCUMENTS);
    end(process).await;
    let next = Process::start(folder.path(), &[]).await;
    let count = next.point_count("docs").await;
    next.terminate();
    assert!(next.wait().await.success());
    count
}

#[tokio::test]
async fn sigterm_drains_and_ends_with_status_0() {
    let count = documents_after(async |process: Process| {
        process.terminate();
        assert_eq!(process.wait().await.code(), Some(0));
    });
    assert_eq!(count.await, DOCUMENTS as u64);
}

#[tokio::test]
async fn what_was_indexed_survives_sigkill() {
    assert_eq!(documents_after(async |process: Process| process.kill().await).await, DOCUMENTS as u64);
}
