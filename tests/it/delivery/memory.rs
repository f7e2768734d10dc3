//! Memory stays flat for streams of any length.

use std::time::Duration;

use tempfile::TempDir;

use super::start_remote_process;
use crate::support::qdrant_server::{Options, QdrantServer};
use crate::support::upload::{Upload, docs, options};

/// Memory must not grow after this number of documents.
const WARM: u64 = 10_000;
/// Number of documents to send; `SPLADE_MEMORY_DOCUMENTS` changes it.
const COUNT: u64 = 100_000;
/// Number of documents per message.
const MESSAGE: u64 = 250;

#[tokio::test(flavor = "multi_thread")]
async fn memory_stays_flat() {
    let count = std::env::var("SPLADE_MEMORY_DOCUMENTS").map_or(COUNT, |count| count.parse().unwrap());
    let server = QdrantServer::start_with(Options { discard: true, ..Options::default() });
    server.faults().delay_upserts(Duration::from_millis(200));
    let dir = TempDir::new().unwrap();
    let process = start_remote_process(&dir, &server, &[]).await;
    let mut upload = Upload::open(process.index_client().await, options()).await.unwrap();
    upload.push_all((0..count).step_by(MESSAGE as usize).map(move |from| docs(from..(from + MESSAGE).min(count))));

    upload.read_results(WARM as usize).await;
    let warm = process.resident_kib();
    let mut peak = warm;
    while upload.received.results.len() < count as usize {
        upload.read_results((upload.received.results.len() + WARM as usize).min(count as usize)).await;
        peak = peak.max(process.resident_kib());
    }
    let end = process.resident_kib();
    let (got, status) = upload.finish_and_drain().await;
    status.unwrap();
    got.expect_one_each(count as usize);
    assert_eq!(got.indexed().len(), count as usize);
    let counters = server.counters();
    assert_eq!(
        (counters.points(), counters.written),
        (count as usize, count as usize),
        "a document was not written exactly once"
    );
    println!("resident after {WARM} documents: {warm} KiB; peak after that: {peak} KiB; after {count}: {end} KiB");
    assert!(end <= warm + warm / 10, "memory grew from {warm} KiB to {end} KiB");
}
