//! A store outage that outlasts the retries: operations are FAILED, and a client that sends them again loses nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use splade_sidecar::proto::{
    DeleteRequest, IngestOptions, OperationResult, OperationStatus, ResultFilter, UpsertRequest,
};
use tokio::time::timeout;
use tonic::{Code, Status};

use super::operations::{stored_texts, stores};
use crate::support::documents::{delete, document, num};
use crate::support::failure::Failure;
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::seeded_rng::SeededRng;
use crate::support::sidecar::Sidecar;
use crate::support::upload::{COLLECTION, Upload, doc, docs, id, ingest, options};

/// Timeout of each wait in a test.
const TEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts a server with a short retry deadline.
async fn start(store: &QdrantServer) -> Sidecar {
    Sidecar::start(&["--qdrant-url", &store.url(), "--retry-deadline", "500ms"]).await
}

fn away() -> Status {
    Status::unavailable("the store is away")
}

/// Asserts that an operation failed because of the store, with a retry delay of `seconds`.
#[track_caller]
fn assert_away(result: &OperationResult, seconds: i64) {
    assert_eq!(result.status(), OperationStatus::Failed, "{result:?}");
    let error = result.error.as_ref().unwrap();
    assert_eq!((Code::from(error.code), error.reason.as_str()), (Code::Unavailable, "STORE_UNAVAILABLE"), "{error:?}");
    assert_eq!(error.retry_delay.map(|delay| delay.seconds), Some(seconds), "{error:?}");
    assert!(error.message.contains("; "), "no remedy: {error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_operation_holds_durable_through() {
    let store = QdrantServer::start();
    let sidecar = start(&store).await;
    let mut upload = Upload::open(sidecar.index_client().await, options()).await.unwrap();
    upload.push(docs(1..=10)).await;
    upload.read_results(10).await;
    assert_eq!(upload.received.durable_through, 10);

    store.faults().fail(&[Call::Upsert, Call::Delete], away());
    upload.push(docs(11..=20)).await;
    upload.push_operations(vec![delete(id(1))]).await;
    upload.read_results(21).await;
    upload.received.results[10..].iter().for_each(|result| assert_away(result, 1));
    assert_eq!(upload.received.durable_through, 10);

    // Later operations are stored, and `durable_through` stays: it is where the client resumes.
    store.faults().clear();
    upload.push(docs(22..=30)).await;
    upload.read_results(30).await;
    assert_eq!((upload.received.indexed().len(), upload.received.durable_through), (19, 10));
    // Rejected operations are final everywhere, and don't change that.
    upload.push(vec![doc(31, " ")]).await;
    let (got, end) = upload.finish_and_drain().await;
    end.unwrap();
    got.expect_one_each(31);
    assert_eq!((got.failed().len(), got.rejected().len(), got.durable_through), (11, 1, 10));
    assert_eq!(sidecar.point_count(COLLECTION).await, 19);

    // The operations are sent again with their sequence numbers.
    let resumed = IngestOptions { first_sequence: 11, ..options() };
    let upload = Upload::open(sidecar.index_client().await, resumed).await.unwrap();
    upload.push(docs(11..=20)).await;
    upload.push_operations(vec![delete(id(1))]).await;
    upload.push(docs(22..=30)).await;
    upload.push(vec![doc(31, " ")]).await;
    let (got, end) = upload.finish_and_drain().await;
    end.unwrap();
    got.expect_one_each(21);
    assert_eq!((got.failed().len(), got.rejected().len(), got.durable_through), (0, 1, 31));
    assert_eq!(sidecar.point_count(COLLECTION).await, 28);
    sidecar.stop_drained().await;
}

/// The retry delay of the store is longer than the retry deadline of the server.
#[tokio::test(flavor = "multi_thread")]
async fn the_retry_delay_is_that_of_the_store() {
    let store = QdrantServer::start();
    let sidecar = start(&store).await;
    ingest(sidecar.index_client().await, options(), docs([0])).await;
    let mut limited = Status::resource_exhausted("Rate limiting exceeded");
    limited.metadata_mut().insert("retry-after", "7".parse().unwrap());
    store.faults().fail(&[Call::Upsert], limited);
    let got = ingest(sidecar.index_client().await, options(), docs(1..=5)).await;
    got.expect_one_each(5).into_iter().for_each(|result| assert_away(result, 7));
    store.faults().clear();
    assert_eq!(ingest(sidecar.index_client().await, options(), docs(1..=5)).await.indexed().len(), 5);
    sidecar.stop_drained().await;
}

/// Reads of the store fail in the same way.
#[tokio::test(flavor = "multi_thread")]
async fn documents_fail_if_their_digests_cannot_be_read() {
    let store = QdrantServer::start();
    let sidecar = start(&store).await;
    let skipping = || IngestOptions { skip_unchanged: true, ..options() };
    ingest(sidecar.index_client().await, skipping(), docs(1..=5)).await;
    store.faults().fail(&[Call::Get], away());
    let got = ingest(sidecar.index_client().await, skipping(), docs(1..=5)).await;
    got.expect_one_each(5).into_iter().for_each(|result| assert_away(result, 1));
    store.faults().clear();
    let got = ingest(sidecar.index_client().await, skipping(), docs(1..=5)).await;
    assert!(got.expect_one_each(5).iter().all(|result| result.status() == OperationStatus::Unchanged), "{got:?}");
    sidecar.stop_drained().await;
}

/// Failures are sent with `results=PROBLEMS` too, because the client needs them to know what to send again.
#[tokio::test(flavor = "multi_thread")]
async fn failures_are_reported_as_problems() {
    let store = QdrantServer::start();
    let sidecar = start(&store).await;
    let problems = IngestOptions { result_filter: ResultFilter::Problems.into(), ..options() };
    let mut upload = Upload::open(sidecar.index_client().await, problems).await.unwrap();
    upload.push(docs(1..=10)).await;
    while upload.received.durable_through < 10 {
        assert!(timeout(TEST_TIMEOUT, upload.read()).await.unwrap().unwrap(), "{:?}", upload.received);
    }
    store.faults().fail(&[Call::Upsert], away());
    upload.push(docs(11..=15)).await;
    upload.read_results(5).await;
    store.faults().clear();
    upload.push(docs(16..=20)).await;
    let (got, end) = upload.finish_and_drain().await;
    end.unwrap();
    assert!(got.failed().into_keys().eq(11..=15), "{got:?}");
    assert_eq!((got.results.len(), got.durable_through), (5, 10));
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unary_calls_report_failures_too() {
    let store = QdrantServer::start();
    let sidecar = start(&store).await;
    ingest(sidecar.index_client().await, options(), docs(1..=3)).await;
    store.faults().fail(&[Call::Upsert, Call::Delete], away());
    let documents = docs(1..=3).into_iter().chain([doc(4, " ")]).map(Into::into).collect();
    let upsert = UpsertRequest { options: Some(options()), documents };
    let results = sidecar.index_client().await.upsert(upsert).await.unwrap().into_inner().results;
    results[..3].iter().for_each(|result| assert_away(result, 1));
    assert_eq!(results[3].status(), OperationStatus::Rejected, "a blank text is rejected regardless of the store");
    let delete = DeleteRequest { collection: COLLECTION.to_owned(), ids: vec![id(1)], ..Default::default() };
    let failure = Failure::from(sidecar.index_client().await.delete(delete).await.unwrap_err());
    assert_eq!((failure.code, failure.reason.as_str()), (Code::Unavailable, "STORE_UNAVAILABLE"));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(1)));
    store.faults().clear();
    assert_eq!(sidecar.point_count(COLLECTION).await, 3);
    sidecar.stop_drained().await;
}

/// Returns random operations on a few documents, and the expected documents after all of them.
fn random_operations(count: u64, rng: &mut SeededRng) -> (Vec<Bytes>, BTreeMap<String, String>) {
    const IDS: u64 = 12;
    let (mut operations, mut expected) = (Vec::new(), BTreeMap::new());
    for number in 0..count {
        let id = num(rng.below(IDS));
        if rng.below(4) == 0 {
            expected.remove(&format!("{id:?}"));
            operations.push(delete(id));
        } else {
            let text = format!("text {number}");
            expected.insert(format!("{id:?}"), text.clone());
            operations.push(stores(&document(id, &text)));
        }
    }
    (operations, expected)
}

/// Property: a client that keeps its operations until `durable_through` has passed them, and resumes after it, ends
/// with the documents that sequential operations produce, regardless of store outages.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_resumes_loses_nothing() {
    const COUNT: u64 = 400;
    const OUTAGES: usize = 8;
    let store = QdrantServer::start();
    // Operations on an id are sequential, so each failure delays the next one by the retry deadline.
    let sidecar = Sidecar::start(&["--qdrant-url", &store.url(), "--retry-deadline", "50ms"]).await;
    let mut rng = SeededRng::from_env("SPLADE_FAILED_SEED");
    let (operations, expected) = random_operations(COUNT, &mut rng);
    let (mut durable, mut outages, mut streams) = (0, 0, 0);
    while durable < COUNT {
        let how = IngestOptions { batch_points: 7, first_sequence: durable + 1, ..options() };
        let mut upload = Upload::open(sidecar.index_client().await, how).await.unwrap();
        let mut rest = operations[durable as usize..].chunks(1 + rng.below(20) as usize);
        // Some messages succeed first.
        for chunk in rest.by_ref().take(rng.below(6) as usize) {
            assert!(upload.push_operations(chunk.to_vec()).await);
        }
        if outages < OUTAGES {
            outages += 1;
            store.faults().fail([&[Call::Upsert][..], &[Call::Upsert, Call::Delete]][rng.below(2) as usize], away());
        }
        // Then the client sends until it receives the first failure.
        for chunk in rest {
            assert!(upload.push_operations(chunk.to_vec()).await);
            let Ok(read) = timeout(Duration::from_millis(rng.below(30)), upload.read()).await else { continue };
            assert!(read.unwrap());
            if !upload.received.failed().is_empty() {
                break;
            }
        }
        // The operations sent so far may be stored or not; none is lost.
        if rng.below(2) == 0 {
            store.faults().clear();
        }
        let (got, end) = timeout(TEST_TIMEOUT, upload.finish_and_drain()).await.expect("the stream ends");
        end.unwrap();
        assert_eq!(got.rejected().len(), 0, "{:?}", got.rejected());
        assert!(got.durable_through >= durable);
        (durable, streams) = (got.durable_through, streams + 1);
        store.faults().clear();
    }
    println!("{COUNT} operations over {streams} streams and {outages} outages");
    assert_eq!(stored_texts(&sidecar, COLLECTION).await, expected);
    sidecar.stop_drained().await;
}
