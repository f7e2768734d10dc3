//! Queries wait neither for bulk work nor for an unavailable store.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use splade_sidecar::proto::{
    EncodeRequest, EncodeStreamOptions, EncodeStreamRequest, EncodeStreamResponse, EncodingOptions, IngestOptions,
    LongText, SearchRequest, UpsertRequest,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming};

use super::start_remote;
use crate::support::endpoint::Endpoint;
use crate::support::failure::Failure;
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::queries::text_query;
use crate::support::sidecar::Sidecar;
use crate::support::upload::{COLLECTION, Upload, doc, docs, ingest, options};

/// All bulk work fits in the lane, so without priority a query would wait for all of it.
const ONE_THREAD: [&str; 4] = ["--threads", "1", "--max-queued-texts", "4096"];

/// Returns a text with the maximum number of tokens of the model.
fn long() -> String {
    "wing ".repeat(200)
}

fn encode_request(text: &str) -> EncodeRequest {
    EncodeRequest { texts: vec![text.to_owned()], ..Default::default() }
}

fn search_request(text: &str) -> SearchRequest {
    let query = Some(text_query(text));
    SearchRequest { collection: COLLECTION.to_owned(), query, ..Default::default() }
}

fn upsert_request(numbers: RangeInclusive<u64>) -> UpsertRequest {
    let documents = docs(numbers).into_iter().map(Into::into).collect();
    UpsertRequest { options: Some(options()), documents }
}

/// Opens an `EncodeStream` and sends all texts at once.
async fn encode_stream(
    server: Endpoint,
    options: EncodeStreamOptions,
    texts: Vec<String>,
) -> Streaming<EncodeStreamResponse> {
    let (requests, receiver) = mpsc::channel(1);
    requests
        .send(EncodeStreamRequest { options: Some(options), texts: texts.into_iter().map(Into::into).collect() })
        .await
        .unwrap();
    server.encoder_client().await.encode_stream(Request::new(ReceiverStream::new(receiver))).await.unwrap().into_inner()
}

/// Counts the results of a stream in a separate task, which ends with the stream.
fn count(mut results: Streaming<EncodeStreamResponse>) -> (Arc<AtomicUsize>, JoinHandle<Result<(), Status>>) {
    let counter = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&counter);
    let task = tokio::spawn(async move {
        while let Some(response) = results.message().await? {
            counted.fetch_add(response.results.len(), Ordering::Relaxed);
        }
        Ok(())
    });
    (counter, task)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_overtakes_bulk_work() {
    const COUNT: usize = 2_000;
    let sidecar = Sidecar::start(&ONE_THREAD).await;
    ingest(sidecar.index_client().await, options(), docs(1..=10)).await;
    let (mut encoder, mut index) = (sidecar.encoder_client().await, sidecar.index_client().await);
    let mut results = encode_stream(*sidecar, EncodeStreamOptions::default(), vec![long(); COUNT]).await;
    results.message().await.unwrap().unwrap();
    let (counted, bulk) = count(results);
    encoder.encode(encode_request("boundary layer")).await.unwrap();
    let hits = index.search(search_request("document")).await.unwrap().into_inner().hits;
    assert_eq!(hits.len(), 10);
    let done = counted.load(Ordering::Relaxed);
    assert!(done < COUNT / 2, "{done} of {COUNT} texts were encoded before the queries");
    bulk.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_overtakes_documents() {
    const COUNT: usize = 2_000;
    let sidecar = Sidecar::start(&ONE_THREAD).await;
    ingest(sidecar.index_client().await, options(), docs(1..=10)).await;
    let mut index = sidecar.index_client().await;
    let options = IngestOptions { batch_points: 50, ..options() };
    let mut upload = Upload::open(sidecar.index_client().await, options).await.unwrap();
    upload.push_all([(1..=COUNT as u64).map(|number| doc(number, &long())).collect()]);
    upload.read_results(1).await;
    index.search(search_request("document")).await.unwrap();
    // The number of documents indexed by now.
    let done = sidecar.point_count(COLLECTION).await as usize;
    assert!(done < COUNT / 2, "{done} of {COUNT} documents were indexed before the search");
    upload.finish_and_drain().await.1.unwrap();
}

/// A rejected text occupies its tokenizing thread longer than many encoded ones.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_overtakes_rejected_texts() {
    const COUNT: usize = 60;
    let sidecar = Sidecar::start(&ONE_THREAD).await;
    let mut encoder = sidecar.encoder_client().await;
    let encoding = EncodingOptions { long_text: LongText::Reject.into(), ..Default::default() };
    let options = EncodeStreamOptions { encoding: Some(encoding), ..Default::default() };
    let mut results = encode_stream(*sidecar, options, vec!["wing ".repeat(40_000); COUNT]).await;
    results.message().await.unwrap().unwrap();
    let (counted, bulk) = count(results);
    encoder.encode(encode_request("boundary layer")).await.unwrap();
    let done = counted.load(Ordering::Relaxed);
    assert!(done < COUNT / 2, "{done} of {COUNT} texts were refused before the query");
    bulk.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_does_not_block_the_encoder() {
    let server = QdrantServer::start();
    let sidecar = start_remote(&server, &["--max-in-flight-documents", "16", "--max-unary-texts", "16"]).await;
    ingest(sidecar.index_client().await, options(), docs(1..=10)).await;
    server.faults().hang(&[Call::Upsert]);
    let mut upload = Upload::open(sidecar.index_client().await, options()).await.unwrap();
    upload.push_all([docs(1..=100)]);
    let mut index = sidecar.index_client().await;
    let upsert = upsert_request(101..=116);
    let upsert = tokio::spawn(async move { index.upsert(upsert).await });
    // Both hold all permits that they can get.
    server.wait_until(|counters| counters.in_flight == 1).await;

    sidecar.encoder_client().await.encode(encode_request("boundary layer")).await.unwrap();
    sidecar.index_client().await.search(search_request("document")).await.unwrap();
    let results = encode_stream(*sidecar, EncodeStreamOptions::default(), vec![long(); 100]).await;
    let (counted, stream) = count(results);
    stream.await.unwrap().unwrap();
    assert_eq!(counted.load(Ordering::Relaxed), 100);
    upsert.abort();
}

/// A unary call without a free permit is refused with a retry delay, and blocks nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_a_free_permit_is_refused_at_once() {
    let server = QdrantServer::start();
    let sidecar = start_remote(&server, &["--max-unary-texts", "4"]).await;
    ingest(sidecar.index_client().await, options(), docs(1..=10)).await;
    let mut index = sidecar.index_client().await;
    let too_many = Failure::from(index.upsert(upsert_request(1..=5)).await.unwrap_err());
    assert_eq!((too_many.code, too_many.fields), (Code::InvalidArgument, vec!["documents".to_owned()]));
    server.faults().hang(&[Call::Upsert]);
    let mut other = sidecar.index_client().await;
    let hangs = tokio::spawn(async move { other.upsert(upsert_request(1..=3)).await });
    server.wait_until(|counters| counters.in_flight == 1).await;
    let refused = Failure::from(index.upsert(upsert_request(4..=5)).await.unwrap_err());
    assert_eq!((refused.code, refused.reason.as_str()), (Code::ResourceExhausted, "OVERLOADED"));
    assert!(refused.retry_after.is_some(), "{refused:?}");
    // Streams and queries have separate permits.
    index.search(search_request("document")).await.unwrap();
    server.faults().clear();
    ingest(sidecar.index_client().await, options(), docs(11..=20)).await;
    hangs.abort();
}
