//! Uploads that stall, break off or are cut: no document is lost and memory does not grow.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use splade_sidecar::app::ShutdownOutcome;
use tempfile::TempDir;
use tokio::io::Result;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};

use super::{client, count, docs, post, put_lines, results, start};
use crate::support::http1::{Http1Client, RequestSender, parse_lines};
use crate::support::process::Process;
use crate::support::qdrant_server::{Options, QdrantServer};

const PERMITS: &str = "splade_permits_held";
const STREAMS: &str = "splade_streams_open";
const INTO: &str = "/v1/ingest?collection=docs&create_collection=true&batch_points=16";
/// Time without progress after which an upload counts as stalled.
const STALL: Duration = Duration::from_secs(1);
/// Maximum growth of memory.
const MEMORY_KIB: u64 = 48 << 10;

async fn process(directory: &TempDir, store: &QdrantServer) -> Process {
    let url = store.url();
    let flags = [
        "--qdrant-url",
        &url,
        "--http-listen",
        "127.0.0.1:0",
        "--max-in-flight-documents",
        "64",
        "--max-upsert-delay",
        "5ms",
    ];
    Process::start(directory.path(), &flags).await
}

/// Opens a stream and sends lines, each padded by a number of bytes, as fast as the server reads them. Reports the number of
/// lines sent.
async fn send_lines(
    client: Http1Client,
    to: u64,
    more: usize,
) -> (Sending, crate::support::http1::ResponseReader<TcpStream>) {
    let Http1Client { mut sender, responses: answers } = client;
    sender.send_head("POST", INTO, &[("transfer-encoding", "chunked")]).await.unwrap();
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let padding = " ".repeat(more);
    let task = tokio::spawn(async move {
        for number in 1..=to {
            sender.send_chunk(format!("{padding}{}", docs([number])).as_bytes()).await?;
            counter.store(number, Ordering::Relaxed);
        }
        sender.send_chunk(b"").await?;
        Ok(sender)
    });
    (Sending { sent, task }, answers)
}

struct Sending {
    sent: Arc<AtomicU64>,
    task: JoinHandle<Result<RequestSender<TcpStream>>>,
}

impl Sending {
    /// Waits until the upload stalls and returns the number of lines sent.
    async fn stalled(&self) -> u64 {
        let mut ticks = interval(STALL);
        let mut last = u64::MAX;
        loop {
            ticks.tick().await;
            let sent = self.sent.load(Ordering::Relaxed);
            if sent == last && sent > 0 {
                return sent;
            }
            last = sent;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_store_applies_backpressure_to_the_upload() {
    const COUNT: u64 = 3_000;
    let store = QdrantServer::start_with(Options { discard: true, ..Options::default() });
    let directory = TempDir::new().unwrap();
    let process = process(&directory, &store).await;
    post(&process, "/v1/encode", json!({ "texts": ["a cat"] })).await.expect_ok();
    let before = process.resident_kib();
    store.faults().hold_upserts();
    // 60 MB in total.
    let (sending, mut answers) = send_lines(client(&process).await, COUNT, 20_000).await;
    let sent = timeout(Duration::from_secs(60), sending.stalled()).await.unwrap();
    assert!(sent < COUNT / 2, "{sent} lines were read while the store was stalled");
    assert_eq!(process.samples().await.get(PERMITS), 64.0);
    let held = process.resident_kib();
    // Other clients are served.
    post(&process, "/v1/encode", json!({ "texts": ["a cat"] })).await.expect_ok();
    store.faults().release_upserts();
    let answer = answers.read_response().await;
    let results = results(&answer.lines());
    assert_eq!((results.len() as u64, count(&results, "INDEXED") as u64), (COUNT, COUNT));
    assert_eq!(store.counters().written as u64, COUNT, "each document is written once");
    sending.task.await.unwrap().unwrap();
    let after = process.resident_kib();
    println!("{sent} lines were taken; {before} KiB before, {held} KiB held, {after} KiB after");
    assert!(held <= before + MEMORY_KIB && after <= before + MEMORY_KIB, "{before}, {held}, {after} KiB");
    process.wait_samples(|samples| samples.get(PERMITS) == 0.0 && samples.get(STREAMS) == 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_blocks_only_itself() {
    let store = QdrantServer::start_with(Options { discard: true, ..Options::default() });
    let directory = TempDir::new().unwrap();
    let process = process(&directory, &store).await;
    let before = process.resident_kib();
    let (sending, answers) = send_lines(client(&process).await, 1_000_000, 0).await;
    let sent = timeout(Duration::from_secs(100), sending.stalled()).await.unwrap();
    assert!((64..1_000_000).contains(&sent), "{sent} lines were taken");
    let answer = put_lines(&process, INTO, &docs(1..=300)).await;
    assert_eq!(results(&answer.lines()).len(), 300);
    let held = process.resident_kib();
    println!("{sent} lines were taken; {before} KiB before, {held} KiB held");
    assert!(held <= before + MEMORY_KIB, "memory rose from {before} to {held} KiB");
    // The client disconnects, and its permits are released.
    sending.task.abort();
    drop((sending, answers));
    process.wait_samples(|samples| samples.get(PERMITS) == 0.0 && samples.get(STREAMS) == 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnected_client_leaves_no_permits_held() {
    let store = QdrantServer::start();
    let directory = TempDir::new().unwrap();
    let process = process(&directory, &store).await;
    let mut client = client(&process).await;
    client.sender.send_head("POST", INTO, &[("transfer-encoding", "chunked")]).await.unwrap();
    client.sender.send_chunk(docs(1..=40).as_bytes()).await.unwrap();
    assert_eq!(client.responses.read_head().await.status, 200);
    let mut reported = 0;
    while reported < 40 {
        let piece = client.responses.read_chunk().await.unwrap();
        reported += parse_lines(&piece).iter().map(|line| line["results"].as_array().unwrap().len()).sum::<usize>();
    }
    // The upload ends within a chunk, after an incomplete line that would be a valid document.
    client.sender.send_raw(b"1000\r\n{\"id\": 41, \"text\": \"a cat\"}").await.unwrap();
    drop(client);
    process.wait_samples(|samples| samples.get(PERMITS) == 0.0 && samples.get(STREAMS) == 0.0).await;
    assert_eq!(process.point_count("docs").await, 40);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stopping_server_completes_and_reports_what_it_has_read() {
    const COUNT: u64 = 100_000;
    let store = QdrantServer::start();
    store.faults().delay_upserts(Duration::from_millis(200));
    let mut sidecar = start(&["--qdrant-url", &store.url(), "--max-in-flight-documents", "500"]).await;
    let (sending, mut answers) = send_lines(client(&sidecar).await, COUNT, 0).await;
    assert_eq!(answers.read_head().await.status, 200);
    let mut body = answers.read_chunk().await.unwrap();
    sidecar.begin_stop();
    body.extend(answers.read_remaining().await.expect("the response broke off"));
    let mut lines = parse_lines(&body);
    let error = lines.pop().unwrap();
    let reasons = error["error"]["details"].as_array().unwrap().iter().map(|detail| &detail["reason"]);
    assert_eq!(error["error"]["code"], 14);
    assert!(reasons.into_iter().any(|reason| reason == "SHUTTING_DOWN"), "{error}");
    let results: Vec<Value> = results(&lines);
    let read = results.len() as u64;
    assert!((1..COUNT).contains(&read), "{read} lines were read");
    assert_eq!(count(&results, "INDEXED") as u64, read);
    assert_eq!(store.counters().written as u64, read, "a document was written but not reported");
    assert_eq!(sidecar.stop().await.0, ShutdownOutcome::Drained);
    // The rest was discarded or never read.
    let _sent = sending.task.await.unwrap();
}

/// The response arrives although much of the upload is still in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upload_receives_the_error() {
    let sidecar = start(&[]).await;
    for _ in 0..20 {
        let mut client = client(&sidecar).await;
        let lines = docs(1..=20_000);
        let length = lines.len().to_string();
        client.sender.send_head("PUT", "/v1/ingest?collection=nowhere", &[("content-length", &length)]).await.unwrap();
        let Http1Client { mut sender, mut responses } = client;
        let sending = tokio::spawn(async move { sender.send_raw(lines.as_bytes()).await });
        assert_eq!(responses.read_response().await.status, 404);
        // The upload may have been cut off.
        let _sent = sending.await.unwrap();
    }
    sidecar.stop_drained().await;
}
