//! Tests of the writer with a scripted store and a paused clock.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use tokio::time::{Instant, sleep};

use super::handle::WriterHandle;
use super::job::{BatchKey, UpsertJob, WriterJob};
use super::*;
use crate::pipeline::admission::{Finalizer, ItemResult, PermitPool, TicketIssuer};
use crate::pipeline::in_flight_ids::Claim;
use crate::pipeline::operation::{IndexingStats, OperationKey, OperationOutcome};
use crate::pipeline::receipt::Receipt;
use crate::store::{PointWriter, StoreError};
use crate::types::{ApiError, Digest, DocumentId, ErrorReason, Payload, Point, PointId, PruningStats, SparseVector};

const CONFIG: WriterConfig = WriterConfig {
    max_batch_bytes: 100,
    max_batch_age: Duration::from_millis(100),
    max_in_flight: 4,
    retry_timeout: Duration::from_secs(10),
};
/// Maximum points per upsert.
const BATCH_POINTS: usize = 5;

/// Upsert request: its time, and the numbers of its points.
type Upsert = (Instant, Vec<u64>);

/// Store that records upserts, refuses given points, and fails as scripted.
#[derive(Debug, Default)]
struct FakeStore {
    latency: Duration,
    refused: BTreeSet<u64>,
    /// Points with which any upsert fails.
    failing: BTreeSet<u64>,
    /// Errors of the next upserts; `None` for success.
    failures: Mutex<VecDeque<Option<StoreError>>>,
    /// Number of upserts after which the store is unavailable.
    unavailable_after: Option<usize>,
    upserts: Mutex<Vec<Upsert>>,
    written: Mutex<Vec<u64>>,
    in_flight: AtomicUsize,
    max_in_flight: AtomicUsize,
}

#[async_trait]
impl PointWriter for FakeStore {
    async fn upsert(&self, _: &str, _: &str, points: &[Point]) -> Result<(), StoreError> {
        let numbers: Vec<u64> = points.iter().map(|point| point_number(point.id)).collect();
        let before = {
            let mut upserts = self.upserts.lock().unwrap();
            upserts.push((Instant::now(), numbers.clone()));
            upserts.len() - 1
        };
        let in_flight = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.max_in_flight.fetch_max(in_flight, Ordering::SeqCst);
        sleep(self.latency).await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        if let Some(Some(error)) = self.failures.lock().unwrap().pop_front() {
            return Err(error);
        }
        if self.unavailable_after.is_some_and(|after| before >= after) {
            return Err(StoreError::Unavailable("outage".to_owned()));
        }
        if numbers.iter().any(|number| self.refused.contains(number)) {
            return Err(StoreError::Refused("a point".to_owned()));
        }
        if numbers.iter().any(|number| self.failing.contains(number)) {
            return Err(StoreError::Internal("a point".to_owned()));
        }
        self.written.lock().unwrap().extend(numbers);
        Ok(())
    }

    async fn delete(&self, _: &str, ids: &[PointId]) -> Result<(), StoreError> {
        self.written.lock().unwrap().retain(|written| !ids.contains(&PointId::Num(*written)));
        Ok(())
    }

    async fn fetch_digests(&self, _: &str, _: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
        Ok(HashMap::new())
    }
}

fn point_number(id: PointId) -> u64 {
    match id {
        PointId::Num(number) => number,
        PointId::Uuid(id) => panic!("unexpected id {id}"),
    }
}

/// Document to write: its bytes, and the pause after it.
type Item = (usize, Duration);

/// Results of the documents, by number from 0.
struct RunOutcome {
    store: Arc<FakeStore>,
    results: BTreeMap<u64, Result<OperationOutcome, ApiError>>,
    /// Send time of each document.
    sent: Vec<Instant>,
    /// Time until the last result.
    elapsed: Duration,
}

fn new_job(
    id: PointId,
    bytes: usize,
    finalizer: Finalizer<OperationKey, OperationOutcome>,
    claim: Claim,
    batch_key: Arc<BatchKey>,
) -> WriterJob {
    let point = Point { id, sparse: SparseVector::default(), dense: BTreeMap::new(), payload: Payload::new() };
    let indexed = IndexingStats { tokens: 1, windows: 1, truncated: false, terms: 1, pruned: PruningStats::default() };
    let receipt = Receipt::new(bytes, OperationOutcome::Indexed(indexed), finalizer, claim);
    WriterJob::Upsert(UpsertJob { point, batch_key, receipt })
}

/// Writes documents one after another and waits until the writer ends.
async fn write(store: FakeStore, items: &[Item]) -> RunOutcome {
    write_with_ids(store, items, PointId::Num).await
}

/// Writes documents with ids computed from their numbers.
async fn write_with_ids(store: FakeStore, items: &[Item], id: impl Fn(u64) -> PointId) -> RunOutcome {
    let store = Arc::new(store);
    let writers = Writers::new(Arc::clone(&store) as _, CONFIG, items.len().max(1));
    let batch_key =
        Arc::new(BatchKey { vector_name: "splade".to_owned(), max_points: BATCH_POINTS, has_versions: false });
    let writer = writers.open("docs");
    let admission = PermitPool::new(1_000, 1_000_000);
    let (tickets, mut received) = TicketIssuer::new(admission.clone(), items.len().max(1));
    let (mut sent, start) = (Vec::new(), Instant::now());
    for (number, &(bytes, pause)) in (0..).zip(items) {
        let key = OperationKey { sequence: number, id: Some(DocumentId::Num(number)), position: String::new() };
        let finalizer = tickets.acquire().await.unwrap().admit(key, bytes).await.unwrap();
        let mut claim = writer.ids.enqueue(id(number));
        if claim.must_wait() {
            writer.flush_now();
            claim.wait_until_first().await;
        }
        sent.push(Instant::now());
        writer.send(new_job(id(number), bytes, finalizer, claim, Arc::clone(&batch_key))).unwrap();
        sleep(pause).await;
    }
    drop((writer, tickets));
    let mut by_number = BTreeMap::new();
    while let Some(ItemResult { key, outcome }) = received.recv().await {
        assert!(by_number.insert(key.sequence, outcome).is_none(), "two results for {}", key.sequence);
    }
    let elapsed = start.elapsed();
    writers.wait_drained().await;
    assert_eq!(by_number.len(), items.len(), "a document has no result");
    assert_eq!(admission.held_permits(), 0);
    RunOutcome { store, results: by_number, sent, elapsed }
}

/// Runs a future with the clock paused.
fn run_paused<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test)
}

/// Returns `count` documents of ten bytes without pauses.
fn burst(count: usize) -> Vec<Item> {
    vec![(10, Duration::ZERO); count]
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let pause = prop_oneof![Just(0), 0u64..150].prop_map(Duration::from_millis);
    prop::collection::vec((1usize..120, pause), 0..60)
}

proptest! {
    /// Invariant: batches keep their limits, no point waits longer than the maximum age, and none is lost or written
    /// twice.
    #[test]
    fn batches_by_count_bytes_and_age(items in items()) {
        let RunOutcome { store, results, sent, .. } = run_paused(write(FakeStore::default(), &items));
        prop_assert!(results.values().all(Result::is_ok));
        let upserts = store.upserts.lock().unwrap();
        for (when, points) in upserts.iter() {
            let bytes: usize = points.iter().map(|&number| items[number as usize].0).sum();
            prop_assert!(points.len() <= BATCH_POINTS && (points.len() == 1 || bytes <= CONFIG.max_batch_bytes));
            for &number in points {
                // Tokio's timers have a resolution of one millisecond.
                let waited = *when - sent[number as usize];
                prop_assert!(waited <= CONFIG.max_batch_age + Duration::from_millis(2), "{waited:?}");
            }
        }
        let mut written = store.written.lock().unwrap().clone();
        written.sort_unstable();
        prop_assert_eq!(written, (0..items.len() as u64).collect::<Vec<_>>());
    }

    /// Invariant: exactly the points that the store refuses are rejected, and the others are written once.
    #[test]
    fn each_refused_point_is_rejected_alone(count in 1usize..60, refused in prop::collection::btree_set(0u64..60, 0..20)) {
        let store = FakeStore { refused: refused.clone(), ..FakeStore::default() };
        let RunOutcome { store, results, .. } = run_paused(write(store, &burst(count)));
        for (number, result) in &results {
            let reason = result.as_ref().err().map(|error| error.reason);
            prop_assert_eq!(reason, refused.contains(number).then_some(ErrorReason::StoreRefused));
        }
        let mut written = store.written.lock().unwrap().clone();
        written.sort_unstable();
        let expected: Vec<u64> = (0..count as u64).filter(|number| !refused.contains(number)).collect();
        prop_assert_eq!(written, expected);
    }

    /// Invariant: points on which the store keeps failing fail alone, well before the retry timeout.
    #[test]
    fn a_point_that_the_store_fails_on_fails_alone(count in 1usize..40, failing in prop::collection::btree_set(0u64..40, 0..3)) {
        let store = FakeStore { failing: failing.clone(), ..FakeStore::default() };
        let RunOutcome { store, results, elapsed, .. } = run_paused(write(store, &burst(count)));
        let mut written = store.written.lock().unwrap().clone();
        written.sort_unstable();
        let expected: Vec<u64> = (0..count as u64).filter(|number| !failing.contains(number)).collect();
        for (number, result) in &results {
            let reason = result.as_ref().err().map(|error| error.reason);
            // If no other point of the upsert was written, the store itself may be failing.
            let alone = reason == Some(ErrorReason::StoreUnavailable) && elapsed >= CONFIG.retry_timeout / 2;
            let refused = reason == Some(ErrorReason::StoreRefused) || alone;
            prop_assert!(if failing.contains(number) { refused } else { reason.is_none() }, "{number}: {reason:?}");
        }
        prop_assert_eq!(written, expected);
    }

    /// Invariant: the limit on upserts in flight holds for any responses of the store.
    #[test]
    fn never_too_many_in_flight(failures in prop::collection::vec(prop::option::of(retryable_error()), 0..30)) {
        let latency = Duration::from_millis(30);
        let store = FakeStore { latency, failures: Mutex::new(failures.into()), ..FakeStore::default() };
        let RunOutcome { store, results, .. } = run_paused(write(store, &burst(200)));
        let max_in_flight = store.max_in_flight.load(Ordering::SeqCst);
        prop_assert!((1..=CONFIG.max_in_flight).contains(&max_in_flight), "{max_in_flight} were in flight");
        let mut reasons = results.values().filter_map(|result| result.as_ref().err()).map(|error| error.reason);
        prop_assert!(reasons.all(|reason| reason == ErrorReason::StoreUnavailable));
    }
}

/// Generates retryable errors.
fn retryable_error() -> impl Strategy<Value = StoreError> {
    let retry_after = prop::option::of((0u64..3).prop_map(Duration::from_secs));
    prop_oneof![
        Just(StoreError::Unavailable("outage".to_owned())),
        Just(StoreError::Timeout("late".to_owned())),
        retry_after.prop_map(|retry_after| StoreError::Overloaded { message: "busy".to_owned(), retry_after }),
    ]
}

#[test]
fn the_limit_rises_to_its_maximum_with_a_fast_store() {
    let store = FakeStore { latency: Duration::from_millis(30), ..FakeStore::default() };
    let RunOutcome { store, .. } = run_paused(write(store, &burst(200)));
    assert_eq!(store.max_in_flight.load(Ordering::SeqCst), CONFIG.max_in_flight);
}

/// The store refuses the first batch because of one point, and is unavailable when the halves arrive. All batches and
/// halves are answered when the retry timeout of the documents ends.
#[test]
fn the_retry_timeout_counts_from_the_arrival_of_the_document() {
    let store = FakeStore { refused: BTreeSet::from([0]), unavailable_after: Some(1), ..FakeStore::default() };
    let RunOutcome { results, elapsed, .. } = run_paused(write(store, &burst(100)));
    assert!(
        results
            .values()
            .all(|result| result.as_ref().is_err_and(|error| error.reason == ErrorReason::StoreUnavailable))
    );
    assert!(elapsed <= CONFIG.retry_timeout, "{elapsed:?}");
    assert!(elapsed >= CONFIG.retry_timeout / 2, "{elapsed:?}");
}

#[test]
fn permanent_errors_are_not_retried() {
    let denied = StoreError::Denied("the key".to_owned());
    let store = FakeStore { failures: Mutex::new([Some(denied)].into()), ..FakeStore::default() };
    let RunOutcome { store, results, .. } = run_paused(write(store, &burst(BATCH_POINTS)));
    assert!(results.values().all(|result| result.as_ref().is_err_and(|error| error.reason == ErrorReason::Internal)));
    assert_eq!(store.upserts.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_collection_has_one_writer_until_it_is_idle_for_the_timeout() {
    let writers = Writers::new(Arc::new(FakeStore::default()), CONFIG, 1);
    let (tickets, mut received) = TicketIssuer::new(PermitPool::new(1, 100), 1);
    let first = writers.open("docs");
    let is_same_writer = |other: &WriterHandle| first.inbox.jobs.same_channel(&other.inbox.jobs);
    let other = writers.open("others");
    assert!(is_same_writer(&writers.open("docs")) && !is_same_writer(&other));
    let (jobs, unused) = (first.inbox.jobs.downgrade(), other.inbox.jobs.downgrade());
    let finalizer = tickets
        .acquire()
        .await
        .unwrap()
        .admit(OperationKey { sequence: 1, id: None, position: String::new() }, 10)
        .await
        .unwrap();
    let batch_key = Arc::new(BatchKey { vector_name: "splade".to_owned(), max_points: 1, has_versions: false });
    first.send(new_job(PointId::Num(1), 10, finalizer, first.ids.enqueue(PointId::Num(1)), batch_key)).unwrap();
    received.recv().await.unwrap();
    drop((first, other));
    sleep(Duration::from_secs(300)).await;
    assert!(jobs.upgrade().is_some(), "a writer with a learned limit ended too early");
    assert!(unused.upgrade().is_none(), "an unused writer was kept");
    sleep(Duration::from_secs(600)).await;
    assert!(jobs.upgrade().is_none(), "an idle writer did not end");
    let claim = writers.open("docs").ids.enqueue(PointId::Num(1));
    sleep(Duration::from_secs(6_000)).await;
    assert!(!writers.open("docs").ids.is_empty(), "the writer ended with an id in flight");
    drop(claim);
    writers.wait_drained().await;
}

#[test]
fn a_point_with_a_waiting_change_of_its_id_is_written_immediately() {
    let outcome = run_paused(write_with_ids(FakeStore::default(), &burst(7), |number| PointId::Num(number / 2)));
    assert_eq!(outcome.elapsed, Duration::ZERO, "it waited for a full batch");
    assert_eq!(*outcome.store.written.lock().unwrap(), [0, 0, 1, 1, 2, 2, 3]);
}
