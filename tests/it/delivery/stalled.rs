//! Streams whose clients don't read: their waiting results are bounded in total, they don't block other clients, and
//! they are closed.

use std::time::Duration;

use bytes::Bytes;
use splade_sidecar::proto::EncodeStreamRequest;
use splade_sidecar::proto::encoder_service_client::EncoderServiceClient;
use splade_sidecar::proto::tei::EmbedSparseRequest;
use splade_sidecar::proto::tei::embed_client::EmbedClient;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming};

use super::bounds::{channel_with_a_small_window, client_with_a_small_window};
use super::{PERMITS, STREAMS, start_remote_process};
use crate::support::documents::sample_texts;
use crate::support::failure::Failure;
use crate::support::http1::{Http1Client, parse_lines};
use crate::support::process::Process;
use crate::support::qdrant_server::{Options, QdrantServer};
use crate::support::upload::{Upload, doc, docs, ingest, options};

/// Number of results that wait for their clients.
const WAITING: &str = "splade_results_waiting{work=\"documents\"}";
const ALL_STREAMS: &str = "splade_streams_open";
/// Timeout of one step.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

fn store() -> QdrantServer {
    QdrantServer::start_with(Options { discard: true, ..Options::default() })
}

/// Returns blank documents, which are rejected when they are read.
fn blank(numbers: std::ops::Range<u64>) -> Vec<Vec<u8>> {
    numbers.map(|number| doc(number, "")).collect()
}

fn assert_stalled(status: Status) {
    let failure = Failure::from(status);
    assert_eq!((failure.code, failure.reason.as_str()), (Code::Unavailable, "STREAM_IDLE"));
    assert!(failure.retry_after.is_some(), "{failure:?}");
    assert!(failure.message.starts_with("the client read no results for"), "{}", failure.message);
    assert!(failure.message.contains("; read responses while sending"), "{}", failure.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_clients_that_never_read_do_not_block_others() {
    const CLIENTS: usize = 40;
    /// Maximum number of waiting results of a single stream.
    const EACH: u64 = 8_192;
    const MEMORY_KIB: u64 = 32 << 10;
    let server = store();
    let dir = TempDir::new().unwrap();
    let process = start_remote_process(&dir, &server, &["--stream-idle-timeout", "20s"]).await;
    assert_eq!(ingest(process.index_client().await, options(), docs(1..=1_000)).await.indexed().len(), 1_000);
    let before = process.resident_kib();
    let mut deaf = Vec::new();
    for _ in 0..CLIENTS {
        let client = client_with_a_small_window(process.address).await;
        let mut upload = Upload::open(client, options()).await.unwrap();
        upload.push_all((0..EACH).step_by(256).map(|from| blank(from..from + 256)));
        deaf.push(upload);
    }
    // Each stream gets as many slots as its rank allows: 8,192 / 1, / 2, … / 40, which is 35,000 in total.
    let samples = process.wait_samples(|samples| samples.get(WAITING) > 30_000.0).await;
    assert!(samples.get(WAITING) < 36_000.0, "{} results wait", samples.get(WAITING));

    let others = ingest(process.index_client().await, options(), docs(1..=1_000));
    let got = timeout(TEST_TIMEOUT, others).await.expect("other clients are served");
    got.expect_one_each(1_000);
    assert_eq!(got.indexed().len(), 1_000);
    let samples = process.samples().await;
    assert_eq!(samples.get(STREAMS), CLIENTS as f64, "streams ended too early for this test");
    let held = process.resident_kib();
    println!("{} results wait; {before} KiB before, {held} KiB held", samples.get(WAITING));
    assert!(held <= before + MEMORY_KIB, "memory rose from {before} to {held} KiB");

    // They are closed although their clients keep the connections open and don't read.
    process.wait_samples(|samples| samples.get(STREAMS) == 0.0 && samples.get(PERMITS) == 0.0).await;
    println!("{} KiB after their end", process.resident_kib());
    for upload in deaf {
        let (got, end) = upload.finish_and_drain().await;
        assert_stalled(end.unwrap_err());
        assert!(got.results.len() < EACH as usize);
    }
    process.wait_samples(|samples| samples.get(WAITING) == 0.0).await;
}

/// The timeout applies between two results that the client reads, not to the whole stream.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_that_reads_is_not_disconnected() {
    const COUNT: usize = 6_000;
    const TIMEOUT: Duration = Duration::from_secs(10);
    const EACH: Duration = Duration::from_millis(3);
    let server = store();
    let dir = TempDir::new().unwrap();
    let process = start_remote_process(&dir, &server, &["--stream-idle-timeout", "10s"]).await;
    let client = client_with_a_small_window(process.address).await;
    let mut slow = Upload::open(client, options()).await.unwrap();
    slow.push_all([blank(0..COUNT as u64)]);
    // Longer than the timeout in total, but much faster per 32 KiB, which the transport may buffer. The rate is in
    // bytes per second, independent of the message size.
    let started = Instant::now();
    let mut messages = 0;
    while slow.read().await.unwrap() {
        messages += 1;
        sleep_until(started + EACH * slow.received.results.len() as u32).await;
    }
    assert!(messages >= 8, "{messages} messages");
    assert!(started.elapsed() > TIMEOUT, "all was read within the timeout: {:?}", started.elapsed());
    slow.received.expect_one_each(COUNT);
}

/// The client has only the end of its stream left to read.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_the_last_results_is_disconnected() {
    let server = store();
    let dir = TempDir::new().unwrap();
    let process = start_remote_process(&dir, &server, &["--stream-idle-timeout", "1s"]).await;
    for count in [1, 30, 300, 1_000] {
        let client = client_with_a_small_window(process.address).await;
        let mut upload = Upload::open(client, options()).await.unwrap();
        upload.push_all([blank(0..count)]);
        process.wait_samples(|samples| samples.get(STREAMS) == 0.0).await;
        drop(upload);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stalled_encode_streams_are_closed() {
    let server = store();
    let dir = TempDir::new().unwrap();
    let process = start_remote_process(&dir, &server, &["--stream-idle-timeout", "2s"]).await;
    let texts = sample_texts(60);

    let (requests, receiver) = mpsc::channel(4);
    requests.send(EncodeStreamRequest { texts: as_bytes(&texts), ..Default::default() }).await.unwrap();
    let mut client = EncoderServiceClient::new(channel_with_a_small_window(process.address).await);
    let encode = client.encode_stream(Request::new(ReceiverStream::new(receiver))).await.unwrap().into_inner();

    let (tei_requests, receiver) = mpsc::channel(texts.len());
    for text in &texts {
        let request = EmbedSparseRequest { inputs: text.clone(), truncate: true, ..Default::default() };
        tei_requests.send(request).await.unwrap();
    }
    let mut client = EmbedClient::new(channel_with_a_small_window(process.address).await);
    let embed = client.embed_sparse_stream(Request::new(ReceiverStream::new(receiver))).await.unwrap().into_inner();

    process.wait_samples(|samples| samples.get(ALL_STREAMS) == 0.0 && samples.get(PERMITS) == 0.0).await;
    assert_stalled(end(encode).await);
    assert_stalled(end(embed).await);
    process.wait_samples(|samples| samples.get("splade_results_waiting") == 0.0).await;
    drop((requests, tei_requests));
}

fn as_bytes(texts: &[String]) -> Vec<Bytes> {
    texts.iter().map(|text| Bytes::from(text.clone())).collect()
}

/// Reads a stream to its end, which must be an error.
async fn end<T>(mut responses: Streaming<T>) -> Status {
    loop {
        match responses.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended OK"),
            Err(status) => return status,
        }
    }
}

#[cfg(feature = "http")]
#[tokio::test(flavor = "multi_thread")]
async fn stalled_line_uploads_are_closed() {
    let server = store();
    let dir = TempDir::new().unwrap();
    let flags = ["--stream-idle-timeout", "2s", "--http-listen", "127.0.0.1:0"];
    let process: Process = start_remote_process(&dir, &server, &flags).await;
    let Http1Client { mut sender, mut responses } = Http1Client::connect(process.http.unwrap()).await;
    let path = "/v1/ingest?collection=docs&create_collection=true";
    sender.send_head("POST", path, &[("transfer-encoding", "chunked")]).await.unwrap();
    process.wait_samples(|samples| samples.get(STREAMS) == 1.0).await;
    let sending = tokio::spawn(async move {
        // More results than the socket buffers hold. The request is cut off when the stream ends.
        let line = "{\"id\": 1, \"text\": \"\"}\n".repeat(100);
        while sender.send_chunk(line.as_bytes()).await.is_ok() {}
        sender
    });
    process.wait_samples(|samples| samples.get(STREAMS) == 0.0).await;
    assert_eq!(responses.read_head().await.status, 200);
    let body = responses.read_remaining().await.expect("a complete body");
    let error = parse_lines(&body).pop().unwrap()["error"].clone();
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("the client read no results for"), "{error}");
    sending.abort();
}
