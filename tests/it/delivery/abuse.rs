//! Misbehaving clients: memory stays bounded, other clients are served, and held permits are released.
//!
//! Clients that never read their results are tested in bounds.rs.

use std::time::Duration;

use prost::Message;
use splade_sidecar::proto::{EncodeRequest, IngestOptions, IngestRequest, SearchRequest, UpsertRequest};
use tempfile::TempDir;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};
use tonic::{Code, Request, Status};

use super::{PERMITS, STREAMS};
use crate::support::endpoint::Endpoint;
use crate::support::http2::RawCall;
use crate::support::process::Process;
use crate::support::queries::text_query;
use crate::support::seeded_rng::SeededRng;
use crate::support::upload::{COLLECTION, Upload, docs, ingest, options, upsert_message};

/// Timeout of the calls of other clients.
const TEST_TIMEOUT: Duration = Duration::from_secs(120);
/// Maximum increase of memory.
const MEMORY_KIB: u64 = 48 << 10;

/// Starts a server with an embedded store, few permits, and some indexed documents.
async fn start(dir: &TempDir) -> Process {
    let process = Process::start(dir.path(), &["--max-in-flight-documents", "200", "--max-upsert-delay", "20ms"]).await;
    serve_others(*process).await;
    process
}

fn search() -> SearchRequest {
    let query = Some(text_query("document"));
    SearchRequest { collection: COLLECTION.to_owned(), query, ..Default::default() }
}

fn encode() -> EncodeRequest {
    EncodeRequest { texts: vec!["boundary layer".to_owned()], ..Default::default() }
}

/// Runs a well-behaved client: an ingest, an encode call and a search.
async fn serve_others(server: Endpoint) {
    let calls = async {
        let got = ingest(server.index_client().await, options(), docs(1..=100)).await;
        assert_eq!(got.indexed().len(), 100);
        server.encoder_client().await.encode(encode()).await.unwrap();
        assert_eq!(server.index_client().await.search(search()).await.unwrap().into_inner().hits.len(), 10);
    };
    timeout(TEST_TIMEOUT, calls).await.expect("other clients are served");
}

/// Waits until no permit is held, and checks the memory.
async fn expect_idle(process: &Process, before: u64) {
    process.wait_samples(|samples| samples.get(PERMITS) == 0.0 && samples.get(STREAMS) == 0.0).await;
    serve_others(**process).await;
    let after = process.resident_kib();
    println!("{before} KiB before, {after} KiB after");
    assert!(after <= before + MEMORY_KIB, "memory rose from {before} to {after} KiB");
}

/// Each client announces a message of 31 MiB and sends it in frames of one byte.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_send_single_bytes() {
    const CLIENTS: usize = 100;
    let dir = TempDir::new().unwrap();
    let process = start(&dir).await;
    let before = process.resident_kib();
    let mut calls = Vec::new();
    for number in 0..CLIENTS {
        let mut call = RawCall::open(process.address, "/splade_sidecar.v1.IndexService/Ingest").await.unwrap();
        // Half of the clients have an open stream; the others did not complete their first message.
        if number % 2 == 0 {
            let first = IngestRequest { options: Some(options()), ..Default::default() }.encode_to_vec();
            call.begin_message(first.len() as u32).await.unwrap();
            call.send(&first).await.unwrap();
        }
        call.begin_message(31 << 20).await.unwrap();
        calls.push(call);
    }
    process.wait_samples(|samples| samples.get(STREAMS) == CLIENTS as f64).await;
    let dripping = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_millis(10));
        loop {
            ticks.tick().await;
            for call in &mut calls {
                call.send(&[10]).await.unwrap();
            }
        }
    });
    for _ in 0..5 {
        serve_others(*process).await;
    }
    let samples = process.wait_samples(|samples| samples.get(PERMITS) == 0.0).await;
    assert_eq!(samples.get(STREAMS), CLIENTS as f64, "a stream was closed");
    assert!(!dripping.is_finished());
    dripping.abort();
    expect_idle(&process, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_streams_at_once() {
    const CONNECTIONS: u64 = 10;
    const EACH: u64 = 100;
    const DOCUMENTS: u64 = 5;
    let dir = TempDir::new().unwrap();
    let process = start(&dir).await;
    let before = process.resident_kib();
    let mut uploads = Vec::new();
    for _ in 0..CONNECTIONS {
        let client = process.index_client().await;
        for _ in 0..EACH {
            uploads.push(Upload::open(client.clone(), options()).await.unwrap());
        }
    }
    process.wait_samples(|samples| samples.get(STREAMS) == (CONNECTIONS * EACH) as f64).await;
    let idle = process.resident_kib();
    serve_others(*process).await;
    let streams = (1..).zip(uploads).map(|(number, mut upload): (u64, Upload)| async move {
        upload.push_all([docs(number * 1_000..number * 1_000 + DOCUMENTS)]);
        upload.finish_and_drain().await
    });
    let streams: JoinSet<_> = streams.collect();
    serve_others(*process).await;
    for (got, end) in streams.join_all().await {
        end.unwrap();
        assert_eq!(got.indexed().len() as u64, DOCUMENTS);
    }
    assert_eq!(process.point_count(COLLECTION).await, 100 + CONNECTIONS * EACH * DOCUMENTS);
    println!("{idle} KiB with {} idle streams", CONNECTIONS * EACH);
    expect_idle(&process, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_cancel() {
    const CLIENTS: u64 = 150;
    let dir = TempDir::new().unwrap();
    let process = start(&dir).await;
    let (before, mut rng) = (process.resident_kib(), SeededRng::from_env("SPLADE_CANCEL_SEED"));
    let client = process.index_client().await;
    let mut cancelled = JoinSet::new();
    for number in 1..=CLIENTS {
        let (client, results) = (client.clone(), rng.below(60) as usize);
        cancelled.spawn(async move {
            let options = IngestOptions { batch_points: 7, ..options() };
            let mut upload = Upload::open(client, options).await.unwrap();
            upload.push_all([docs(number * 1_000..number * 1_000 + 100)]);
            upload.read_results(results).await;
        });
    }
    serve_others(*process).await;
    cancelled.join_all().await;
    expect_idle(&process, before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_of_a_millisecond() {
    const ROUNDS: u64 = 100;
    fn hasty<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(Duration::from_millis(1));
        request
    }
    let dir = TempDir::new().unwrap();
    let process = start(&dir).await;
    let before = process.resident_kib();
    let (mut index, mut encoder) = (process.index_client().await, process.encoder_client().await);
    let mut calls: JoinSet<Result<(), Status>> = JoinSet::new();
    for number in 1..=ROUNDS {
        let documents = || docs(number * 1_000..number * 1_000 + 100);
        let unary = documents().into_iter().map(Into::into).collect();
        let upsert = UpsertRequest { options: Some(options()), documents: unary };
        let ingest = IngestRequest { options: Some(options()), ..upsert_message(documents()) };
        let (mut a, mut b, mut c, mut d) = (encoder.clone(), index.clone(), index.clone(), index.clone());
        calls.spawn(async move { a.encode(hasty(encode())).await.map(drop) });
        calls.spawn(async move { b.search(hasty(search())).await.map(drop) });
        calls.spawn(async move { c.upsert(hasty(upsert)).await.map(drop) });
        calls.spawn(async move {
            let mut results = d.ingest(hasty(tokio_stream::once(ingest))).await?.into_inner();
            while results.message().await?.is_some() {}
            Ok(())
        });
    }
    serve_others(*process).await;
    let mut late = 0;
    for outcome in calls.join_all().await {
        let Err(status) = outcome else { continue };
        // A unary call without a free permit is refused before its deadline.
        let expected = [Code::DeadlineExceeded, Code::Cancelled, Code::ResourceExhausted];
        assert!(expected.contains(&status.code()), "{status:?}");
        late += 1;
    }
    println!("{late} of {} calls were late", 4 * ROUNDS);
    assert!(late > ROUNDS, "{late} calls were late");
    expect_idle(&process, before).await;
    encoder.encode(encode()).await.unwrap();
    index.search(search()).await.unwrap();
}
