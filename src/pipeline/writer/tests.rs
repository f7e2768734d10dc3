//! The laws of the writer, on a store that does as it is told, with the clock paused.

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
/// Points of one upsert.
const BATCH_POINTS: usize = 5;

/// An upsert that came: when, and the numbers of its points.
type Upsert = (Instant, Vec<u64>);

/// A store that keeps what came, refuses some points, and fails as it is told.
#[derive(Debug, Default)]
struct Fake {
    latency: Duration,
    refused: BTreeSet<u64>,
    /// It fails on any upsert that holds one of these.
    failing: BTreeSet<u64>,
    /// What the next upserts are answered, as long as there are any.
    failures: Mutex<VecDeque<Option<StoreError>>>,
    /// From then on it is unavailable.
    gone_after: Option<usize>,
    upserts: Mutex<Vec<Upsert>>,
    written: Mutex<Vec<u64>>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

#[async_trait]
impl PointWriter for Fake {
    async fn upsert(&self, _: &str, _: &str, points: &[Point]) -> Result<(), StoreError> {
        let numbers: Vec<u64> = points.iter().map(|point| number(point.id)).collect();
        let before = {
            let mut upserts = self.upserts.lock().unwrap();
            upserts.push((Instant::now(), numbers.clone()));
            upserts.len() - 1
        };
        let in_flight = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(in_flight, Ordering::SeqCst);
        sleep(self.latency).await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        if let Some(Some(error)) = self.failures.lock().unwrap().pop_front() {
            return Err(error);
        }
        if self.gone_after.is_some_and(|after| before >= after) {
            return Err(StoreError::Unavailable("gone".to_owned()));
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

fn number(id: PointId) -> u64 {
    match id {
        PointId::Num(number) => number,
        PointId::Uuid(id) => panic!("no point of these tests has the id {id}"),
    }
}

/// A document to write: its bytes, and the pause after it.
type Item = (usize, Duration);

/// What became of the documents, by their number from 0.
struct Outcome {
    store: Arc<Fake>,
    results: BTreeMap<u64, Result<OperationOutcome, ApiError>>,
    /// When each was sent.
    sent: Vec<Instant>,
    /// How long the last answer took.
    took: Duration,
}

fn job(
    id: PointId,
    bytes: usize,
    finalizer: Finalizer<OperationKey, OperationOutcome>,
    claim: Claim,
    batch: Arc<BatchKey>,
) -> WriterJob {
    let point = Point { id, sparse: SparseVector::default(), dense: BTreeMap::new(), payload: Payload::new() };
    let indexed = IndexingStats { tokens: 1, windows: 1, truncated: false, terms: 1, pruned: PruningStats::default() };
    let receipt = Receipt::new(bytes, OperationOutcome::Indexed(indexed), finalizer, claim);
    WriterJob::Upsert(UpsertJob { point, batch_key: batch, receipt })
}

/// Writes documents one after another and waits for the writer's end.
async fn write(store: Fake, items: &[Item]) -> Outcome {
    write_as(store, items, PointId::Num).await
}

/// The same, with ids made of the documents' numbers.
async fn write_as(store: Fake, items: &[Item], id: impl Fn(u64) -> PointId) -> Outcome {
    let store = Arc::new(store);
    let writers = Writers::new(Arc::clone(&store) as _, CONFIG, items.len().max(1));
    let batch = Arc::new(BatchKey { vector_name: "splade".to_owned(), max_points: BATCH_POINTS, has_versions: false });
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
        writer.send(job(id(number), bytes, finalizer, claim, Arc::clone(&batch))).unwrap();
        sleep(pause).await;
    }
    drop((writer, tickets));
    let mut by_number = BTreeMap::new();
    while let Some(ItemResult { key, outcome }) = received.recv().await {
        assert!(by_number.insert(key.sequence, outcome).is_none(), "two results for {}", key.sequence);
    }
    let took = start.elapsed();
    writers.wait_drained().await;
    assert_eq!(by_number.len(), items.len(), "a document has no result");
    assert_eq!(admission.held_permits(), 0);
    Outcome { store, results: by_number, sent, took }
}

/// Runs a test with the clock paused.
fn paused<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(test)
}

/// So many documents of ten bytes at once.
fn at_once(count: usize) -> Vec<Item> {
    vec![(10, Duration::ZERO); count]
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let pause = prop_oneof![Just(0), 0u64..150].prop_map(Duration::from_millis);
    prop::collection::vec((1usize..120, pause), 0..60)
}

proptest! {
    /// Law: batches keep their bounds, nothing waits longer than the age, nothing is lost or written twice.
    #[test]
    fn batches_by_count_bytes_and_age(items in items()) {
        let Outcome { store, results, sent, .. } = paused(write(Fake::default(), &items));
        prop_assert!(results.values().all(Result::is_ok));
        let upserts = store.upserts.lock().unwrap();
        for (when, points) in upserts.iter() {
            let bytes: usize = points.iter().map(|&number| items[number as usize].0).sum();
            prop_assert!(points.len() <= BATCH_POINTS && (points.len() == 1 || bytes <= CONFIG.max_batch_bytes));
            for &number in points {
                // The clock of tests ticks in milliseconds.
                let waited = *when - sent[number as usize];
                prop_assert!(waited <= CONFIG.max_batch_age + Duration::from_millis(2), "{waited:?}");
            }
        }
        let mut written = store.written.lock().unwrap().clone();
        written.sort_unstable();
        prop_assert_eq!(written, (0..items.len() as u64).collect::<Vec<_>>());
    }

    /// Law: of points of which the store refuses some, exactly those are refused, and the others are written once.
    #[test]
    fn each_refused_point_stands_alone(count in 1usize..60, refused in prop::collection::btree_set(0u64..60, 0..20)) {
        let store = Fake { refused: refused.clone(), ..Fake::default() };
        let Outcome { store, results, .. } = paused(write(store, &at_once(count)));
        for (number, result) in &results {
            let reason = result.as_ref().err().map(|fault| fault.reason);
            prop_assert_eq!(reason, refused.contains(number).then_some(ErrorReason::StoreRefused));
        }
        let mut written = store.written.lock().unwrap().clone();
        written.sort_unstable();
        let expected: Vec<u64> = (0..count as u64).filter(|number| !refused.contains(number)).collect();
        prop_assert_eq!(written, expected);
    }

    /// Law: points on which the store fails again and again fail alone, well before the time for retries is over.
    #[test]
    fn a_point_that_the_store_fails_on_fails_alone(count in 1usize..40, failing in prop::collection::btree_set(0u64..40, 0..3)) {
        let store = Fake { failing: failing.clone(), ..Fake::default() };
        let Outcome { store, results, took, .. } = paused(write(store, &at_once(count)));
        let mut written = store.written.lock().unwrap().clone();
        written.sort_unstable();
        let expected: Vec<u64> = (0..count as u64).filter(|number| !failing.contains(number)).collect();
        for (number, result) in &results {
            let reason = result.as_ref().err().map(|fault| fault.reason);
            // Where nothing else was written with it, it might be the store that fails.
            let alone = reason == Some(ErrorReason::StoreUnavailable) && took >= CONFIG.retry_timeout / 2;
            let refused = reason == Some(ErrorReason::StoreRefused) || alone;
            prop_assert!(if failing.contains(number) { refused } else { reason.is_none() }, "{number}: {reason:?}");
        }
        prop_assert_eq!(written, expected);
    }

    /// Law: whatever the store answers, no more upserts are in flight than are allowed.
    #[test]
    fn never_too_many_in_flight(failures in prop::collection::vec(prop::option::of(failure()), 0..30)) {
        let latency = Duration::from_millis(30);
        let store = Fake { latency, failures: Mutex::new(failures.into()), ..Fake::default() };
        let Outcome { store, results, .. } = paused(write(store, &at_once(200)));
        let most = store.most_in_flight.load(Ordering::SeqCst);
        prop_assert!((1..=CONFIG.max_in_flight).contains(&most), "{most} were in flight");
        let mut reasons = results.values().filter_map(|result| result.as_ref().err()).map(|fault| fault.reason);
        prop_assert!(reasons.all(|reason| reason == ErrorReason::StoreUnavailable));
    }
}

/// What can be tried again.
fn failure() -> impl Strategy<Value = StoreError> {
    let retry_after = prop::option::of((0u64..3).prop_map(Duration::from_secs));
    prop_oneof![
        Just(StoreError::Unavailable("away".to_owned())),
        Just(StoreError::Timeout("late".to_owned())),
        retry_after.prop_map(|retry_after| StoreError::Overloaded { message: "busy".to_owned(), retry_after }),
    ]
}

#[test]
fn a_store_that_keeps_up_gets_more_at_once() {
    let store = Fake { latency: Duration::from_millis(30), ..Fake::default() };
    let Outcome { store, .. } = paused(write(store, &at_once(200)));
    assert_eq!(store.most_in_flight.load(Ordering::SeqCst), CONFIG.max_in_flight);
}

/// The store refuses the first batch for one point and is gone by the time that the parts come. However many batches and
/// parts there are, all have their answer when the time for retries is over.
#[test]
fn the_time_for_retries_is_that_of_the_document() {
    let store = Fake { refused: BTreeSet::from([0]), gone_after: Some(1), ..Fake::default() };
    let Outcome { results, took, .. } = paused(write(store, &at_once(100)));
    assert!(
        results
            .values()
            .all(|result| result.as_ref().is_err_and(|fault| fault.reason == ErrorReason::StoreUnavailable))
    );
    assert!(took <= CONFIG.retry_timeout, "{took:?}");
    assert!(took >= CONFIG.retry_timeout / 2, "{took:?}");
}

#[test]
fn what_cannot_be_helped_is_not_tried_again() {
    let denied = StoreError::Denied("the key".to_owned());
    let store = Fake { failures: Mutex::new([Some(denied)].into()), ..Fake::default() };
    let Outcome { store, results, .. } = paused(write(store, &at_once(BATCH_POINTS)));
    assert!(results.values().all(|result| result.as_ref().is_err_and(|fault| fault.reason == ErrorReason::Internal)));
    assert_eq!(store.upserts.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_collection_has_one_writer_until_it_has_had_nothing_to_do_for_long() {
    let writers = Writers::new(Arc::new(Fake::default()), CONFIG, 1);
    let (tickets, mut received) = TicketIssuer::new(PermitPool::new(1, 100), 1);
    let first = writers.open("docs");
    let same = |other: &WriterHandle| first.inbox.jobs.same_channel(&other.inbox.jobs);
    let others = writers.open("others");
    assert!(same(&writers.open("docs")) && !same(&others));
    let (jobs, unused) = (first.inbox.jobs.downgrade(), others.inbox.jobs.downgrade());
    let finalizer = tickets
        .acquire()
        .await
        .unwrap()
        .admit(OperationKey { sequence: 1, id: None, position: String::new() }, 10)
        .await
        .unwrap();
    let batch = Arc::new(BatchKey { vector_name: "splade".to_owned(), max_points: 1, has_versions: false });
    first.send(job(PointId::Num(1), 10, finalizer, first.ids.enqueue(PointId::Num(1)), batch)).unwrap();
    received.recv().await.unwrap();
    drop((first, others));
    sleep(Duration::from_secs(300)).await;
    assert!(jobs.upgrade().is_some(), "what it learned of the store is forgotten at once");
    assert!(unused.upgrade().is_none(), "it has learned nothing and is kept");
    sleep(Duration::from_secs(600)).await;
    assert!(jobs.upgrade().is_none(), "it is kept for ever");
    let claim = writers.open("docs").ids.enqueue(PointId::Num(1));
    sleep(Duration::from_secs(6_000)).await;
    assert!(!writers.open("docs").ids.is_empty(), "an id is in flight in a writer that is gone");
    drop(claim);
    writers.wait_drained().await;
}

#[test]
fn a_point_that_another_of_its_id_waits_for_is_written_at_once() {
    let outcome = paused(write_as(Fake::default(), &at_once(7), |number| PointId::Num(number / 2)));
    assert_eq!(outcome.took, Duration::ZERO, "it waited for others");
    assert_eq!(*outcome.store.written.lock().unwrap(), [0, 0, 1, 1, 2, 2, 3]);
}
