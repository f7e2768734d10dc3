//! The store applies the changes of each id in the order in which the server accepted them, across cancelled calls,
//! retries, batches and outages.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use splade_sidecar::proto::{DeleteRequest, IngestOptions, OperationStatus, UpsertRequest};
use splade_sidecar::store::{PointReader, QdrantStore, WithVectors};
use splade_sidecar::types::PointId;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};
use tonic::{Request, Status};

use super::{PERMITS, fetch_stored, start_remote, start_remote_process, start_remote_process_at};
use crate::support::endpoint::Endpoint;
use crate::support::process::Process;
use crate::support::proxy::{Blackhole, Proxy};
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::remote_stores::default_config;
use crate::support::seeded_rng::SeededRng;
use crate::support::upload::{COLLECTION, Upload, doc, id, ingest, options};

/// Upserts one document with a unary call, and returns whether it was indexed.
async fn upsert(server: Endpoint, number: u64, text: &str, limit: Duration) -> Result<bool, Status> {
    let mut request =
        Request::new(UpsertRequest { options: Some(options()), documents: vec![doc(number, text).into()] });
    request.set_timeout(limit);
    let response = server.index_client().await.upsert(request).await?.into_inner();
    Ok(response.results[0].status() == OperationStatus::Indexed)
}

async fn delete(server: Endpoint, number: u64, limit: Duration) -> Result<(), Status> {
    let delete = DeleteRequest { collection: COLLECTION.to_owned(), ids: vec![id(number)], ..Default::default() };
    let mut request = Request::new(delete);
    request.set_timeout(limit);
    server.index_client().await.delete(request).await.map(drop)
}

/// Returns the stored texts of these documents.
async fn texts(server: &QdrantServer, numbers: impl IntoIterator<Item = u64>) -> BTreeMap<PointId, String> {
    let client = QdrantStore::new(default_config(&server.url())).unwrap();
    let ids: Vec<PointId> = numbers.into_iter().map(PointId::Num).collect();
    let points = client.retrieve(COLLECTION, &ids, &WithVectors::sparse("splade")).await.unwrap();
    points.into_iter().map(|point| (point.id.to_point_id(), point.text().unwrap().to_owned())).collect()
}

/// Waits until no document is in flight.
async fn wait_idle(process: &Process) {
    process.wait_samples(|samples| samples.get(PERMITS) == 0.0).await;
}

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_write_does_not_overwrite_the_next() {
    let (server, dir) = (QdrantServer::start(), TempDir::new().unwrap());
    let process = start_remote_process(&dir, &server, &[]).await;
    ingest(process.index_client().await, options(), vec![doc(7, "zero")]).await;
    server.faults().fail(&[Call::Upsert], Status::unavailable("away"));
    let before = server.counters().calls(Call::Upsert);
    let first = tokio::spawn(upsert(*process, 7, "one", MINUTE));
    server.wait_until(|counters| counters.calls(Call::Upsert) > before + 1).await;
    first.abort();
    let second = tokio::spawn(upsert(*process, 7, "two", MINUTE));
    process.wait_samples(|samples| samples.get("splade_documents_received_total{call=\"upsert\"}") == 2.0).await;
    server.faults().clear();
    assert!(second.await.unwrap().unwrap());
    wait_idle(&process).await;
    assert_eq!(texts(&server, [7]).await[&PointId::Num(7)], "two");
}

/// The first stream's upsert fails once and is retried after a delay; the second stream's upsert would succeed
/// immediately.
#[tokio::test(flavor = "multi_thread")]
async fn streams_of_different_batch_sizes_keep_the_order() {
    let (server, dir) = (QdrantServer::start(), TempDir::new().unwrap());
    let process = start_remote_process(&dir, &server, &[]).await;
    ingest(process.index_client().await, options(), vec![doc(7, "zero")]).await;
    let mut limited = Status::resource_exhausted("Rate limiting exceeded");
    limited.metadata_mut().insert("retry-after", "1".parse().unwrap());
    server.faults().fail_next(&[Call::Upsert], 1, limited);
    let before = server.counters().calls(Call::Upsert);
    let batches_of = |batch_points| IngestOptions { batch_points, ..options() };
    let first = tokio::spawn(ingest(process.index_client().await, batches_of(1), vec![doc(7, "one")]));
    server.wait_until(|counters| counters.calls(Call::Upsert) > before).await;
    let second = ingest(process.index_client().await, batches_of(2), vec![doc(7, "two")]).await;
    assert_eq!((first.await.unwrap().indexed().len(), second.indexed().len()), (1, 1));
    assert_eq!(texts(&server, [7]).await[&PointId::Num(7)], "two");
}

/// The point of a cancelled call waits in a batch together with points of an open stream.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_is_not_undone_by_a_batched_upsert() {
    let (server, dir) = (QdrantServer::start(), TempDir::new().unwrap());
    let process = start_remote_process(&dir, &server, &["--max-upsert-delay", "60s"]).await;
    let mut stream = Upload::open(process.index_client().await, options()).await.unwrap();
    stream.push(vec![doc(1, "one"), doc(1, "one again")]).await;
    // The second document flushes the first one, and then waits in a batch.
    stream.read_results(1).await;
    let call = tokio::spawn(upsert(*process, 5, "five", MINUTE));
    process.wait_samples(|samples| samples.get("splade_vector_terms_count{role=\"document\"}") == 3.0).await;
    call.abort();
    delete(*process, 5, MINUTE).await.unwrap();
    stream.push(vec![doc(1, "one more")]).await;
    stream.finish();
    stream.read_results(3).await;
    stream.finish_and_drain().await.1.unwrap();
    wait_idle(&process).await;
    assert!(fetch_stored(&server, [5]).await.is_empty(), "a confirmed delete was undone");
}

/// The pending upsert also gets its result: the delete follows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_delete_waits_for_the_upsert_before_it() {
    let (server, dir) = (QdrantServer::start(), TempDir::new().unwrap());
    let process = start_remote_process(&dir, &server, &[]).await;
    ingest(process.index_client().await, options(), vec![doc(1, "one")]).await;
    server.faults().hold_upserts();
    let stream = Upload::open(process.index_client().await, options()).await.unwrap();
    stream.push(vec![doc(5, "five")]).await;
    server.wait_until(|counters| counters.in_flight == 1).await;
    let delete = tokio::spawn(delete(*process, 5, MINUTE));
    // Other results arrive meanwhile, but the delete has not been sent.
    assert_eq!(process.point_count(COLLECTION).await, 1);
    assert_eq!(server.counters().calls(Call::Delete), 0);
    server.faults().release_upserts();
    assert_eq!(stream.finish_and_drain().await.0.indexed(), [1]);
    delete.await.unwrap().unwrap();
    assert!(fetch_stored(&server, [5]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delete_is_retried_like_an_upsert() {
    let server = QdrantServer::start();
    let sidecar = start_remote(&server, &[]).await;
    ingest(sidecar.index_client().await, options(), vec![doc(5, "five")]).await;
    server.faults().fail_next(&[Call::Delete], 2, Status::unavailable("away"));
    delete(*sidecar, 5, MINUTE).await.unwrap();
    assert_eq!(server.counters().calls(Call::Delete), 3);
    assert!(fetch_stored(&server, [5]).await.is_empty());
}

/// All calls that write to a collection, sequential or concurrent, share the limit on concurrent upserts.
#[tokio::test(flavor = "multi_thread")]
async fn unary_calls_share_the_bound_on_upserts_in_flight() {
    const CALLS: u64 = 50;
    let server = QdrantServer::start();
    server.faults().delay_upserts(Duration::from_millis(50));
    let sidecar = start_remote(&server, &["--max-in-flight-upserts", "4"]).await;
    ingest(sidecar.index_client().await, options(), vec![doc(0, "zero")]).await;
    let endpoint = *sidecar;
    let calls = (1..=CALLS).map(|number| tokio::spawn(upsert(endpoint, number, "a text", MINUTE)));
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().unwrap());
    }
    let most = server.counters().max_in_flight;
    assert!(most <= 4, "{most} upserts were in flight");
}

/// A change by a client, with its start and end time.
#[derive(Debug, Clone)]
struct Change {
    number: u64,
    /// `None` for a delete.
    text: Option<String>,
    begun: Instant,
    ended: Instant,
    confirmed: bool,
}

/// Changes a few ids in sequence, and cancels some of the calls.
async fn change(server: Endpoint, name: &str, until: Instant, mut rng: SeededRng, log: &Mutex<Vec<Change>>) {
    for count in 0.. {
        if Instant::now() >= until {
            return;
        }
        let number = rng.below(3);
        let text = (rng.below(3) > 0).then(|| format!("{name} {count}"));
        let limit = Duration::from_millis([50, 500, 5_000, 30_000][rng.below(4) as usize]);
        let begun = Instant::now();
        let call = async {
            match &text {
                Some(text) => upsert(server, number, text, limit).await,
                None => delete(server, number, limit).await.map(|()| true),
            }
        };
        let confirmed = matches!(timeout(limit, call).await, Ok(Ok(true)));
        log.lock().unwrap().push(Change { number, text, begun, ended: Instant::now(), confirmed });
    }
}

/// Property: the stored change of an id has no confirmed change after it.
fn expect_order(changes: &[Change], number: u64, stored: Option<&String>) {
    let of_id = || changes.iter().filter(|change| change.number == number);
    let last = of_id().filter(|change| change.confirmed).map(|change| change.begun).max();
    let possible = |change: &&Change| last.is_none_or(|last| change.ended > last) && change.text.as_ref() == stored;
    assert!(
        of_id().any(|change| possible(&change)) || (last.is_none() && stored.is_none()),
        "{number} is {stored:?} after {:#?}",
        of_id().collect::<Vec<_>>()
    );
}

/// Two clients update and delete the same ids during outages. `SPLADE_ORDER_SECONDS` sets the duration.
#[tokio::test(flavor = "multi_thread")]
async fn two_clients_through_outages() {
    let seconds = std::env::var("SPLADE_ORDER_SECONDS").map_or(20, |seconds| seconds.parse().unwrap());
    let mut rng = SeededRng::from_env("SPLADE_ORDER_SEED");
    let (server, dir) = (QdrantServer::start(), TempDir::new().unwrap());
    server.faults().delay_upserts(Duration::from_millis(5));
    let wire = Proxy::start(server.address()).await;
    let process =
        start_remote_process_at(&dir, &wire.url(), &["--qdrant-timeout", "1s", "--retry-deadline", "20s"]).await;
    ingest(process.index_client().await, options(), vec![doc(100, "zero")]).await;
    let (log, until) = (Mutex::default(), Instant::now() + Duration::from_secs(seconds));
    let mut pause = rng.clone();
    let faults = async {
        while Instant::now() < until {
            match rng.below(5) {
                0 => wire.disconnect_all(),
                1 => wire.refuse_connections(),
                2 => wire.blackhole(Blackhole::Responses),
                3 => wire.blackhole(Blackhole::All),
                _ => wire.delay_responses(Duration::from_millis(300)),
            }
            tokio::time::sleep(Duration::from_millis(pause.below(1_500))).await;
            wire.clear_faults();
            tokio::time::sleep(Duration::from_millis(pause.below(3_000))).await;
        }
    };
    let (one, two) = (SeededRng::from_env("SPLADE_ORDER_ONE"), SeededRng::from_env("SPLADE_ORDER_TWO"));
    tokio::join!(change(*process, "one", until, one, &log), change(*process, "two", until, two, &log), faults);
    wait_idle(&process).await;
    let changes = log.into_inner().unwrap();
    let confirmed = changes.iter().filter(|change| change.confirmed).count();
    println!("{confirmed} of {} changes were confirmed", changes.len());
    assert!(confirmed > 10, "{confirmed} of {} were confirmed", changes.len());
    let stored = texts(&server, 0..3).await;
    for number in 0..3 {
        expect_order(&changes, number, stored.get(&PointId::Num(number)));
    }
}
