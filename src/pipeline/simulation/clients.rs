//! Clients that stream, upsert and delete a few ids, and cancel some of their calls.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::oracle::Number;
use super::store::{REFUSED_CONTENT, SHARED_CONTENTS};
use super::{World, draw_delay};
use crate::pipeline::testing::TestRng;
use crate::pipeline::{
    DocumentChange, IngestHandle, IngestOptions, ItemResult, OperationKey, OperationOutcome, OperationResults,
    Submission, Urgency,
};
use crate::types::{
    ApiError, CollectionSpec, Document, DocumentId, ErrorReason, LongTextPolicy, Payload, PointId, Pruning, Sharding,
};

/// Number of ids; small, so that changes of the same id overlap.
const IDS: u64 = 4;
/// Size that clients report for each document.
const BYTES: usize = 10;

/// Change that was sent: its number and its id.
type SentChange = (Number, PointId);

/// Runs a few random calls one after another, some with a timeout.
pub async fn run(world: &World, mut rng: TestRng) {
    for _ in 0..1 + rng.below(8) {
        let cancel_after =
            rng.one_in(3).then(|| Duration::from_millis(rng.choose(&[0, 1, 30, 150, 1_000, 5_000, 12_000])));
        let act = async {
            match rng.below(4) {
                0 => stream(world, rng.clone()).await,
                1 | 2 => upsert(world, rng.clone()).await,
                _ => delete(world, rng.clone()).await,
            }
        };
        match cancel_after {
            None => act.await,
            Some(after) => drop(timeout(after, act).await),
        }
        sleep(draw_delay(&mut rng)).await;
    }
}

/// Changes of one call. Drop means that the caller has disconnected.
struct Call<'a> {
    world: &'a World,
    sent: RefCell<Vec<SentChange>>,
    answered: RefCell<BTreeSet<Number>>,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let answered = self.answered.borrow();
        let sent = self.sent.borrow();
        let pending = sent.iter().filter(|(number, _)| !answered.contains(number));
        pending.for_each(|&(number, _)| self.world.oracle.record_abandoned(number));
    }
}

impl<'a> Call<'a> {
    fn new(world: &'a World) -> Self {
        Self { world, sent: RefCell::default(), answered: RefCell::default() }
    }

    fn begin(&self, id: u64, content: Option<u64>) -> Number {
        let id = PointId::Num(id);
        let number = self.world.oracle.begin(id, content);
        self.sent.borrow_mut().push((number, id));
        number
    }

    fn expect_all_answers(&self) {
        assert_eq!(self.answered.borrow().len(), self.sent.borrow().len(), "a document has no result");
    }

    /// Records the result of an operation.
    fn record_result(&self, ItemResult { key, outcome }: ItemResult<OperationKey, OperationOutcome>) {
        let (number, id) = self.sent.borrow()[key.sequence as usize - 1];
        self.record_outcome(number, id, outcome.map(drop));
    }

    fn record_outcome(&self, number: Number, id: PointId, outcome: Result<(), ApiError>) {
        assert!(self.answered.borrow_mut().insert(number), "a document has two results");
        match outcome {
            Ok(()) => self.world.oracle.record_confirmed(number, id, self.world.store.durable().get(&id).copied()),
            Err(error) if error.reason == ErrorReason::StoreRefused => self.world.oracle.record_refused(number),
            // A dropped item means that a task of the pipeline panicked.
            Err(error) => assert!(!error.message.contains("dropped"), "{error:?}"),
        }
    }
}

async fn stream(world: &World, mut rng: TestRng) {
    let (mut ingest, results) = open(world, Urgency::Bulk, &mut rng);
    // Some clients read their results slowly.
    let pause = Duration::from_millis(rng.choose(&[0, 50]));
    let call = Call::new(world);
    let submit = async {
        for _ in 0..1 + rng.below(12) {
            let Ok(ticket) = ingest.tickets.acquire().await else { break };
            let (change, number) = match rng.one_in(4) {
                true => {
                    let id = rng.below(IDS);
                    (DocumentChange::Delete { id: DocumentId::Num(id), version: None }, call.begin(id, None))
                }
                false => begin_upsert(&call, &mut rng),
            };
            if ingest.submit(ticket, new_submission(change)).await.is_err() {
                break;
            }
            world.oracle.record_accepted(number);
            if rng.one_in(8) {
                ingest.flush();
            }
            sleep(draw_delay(&mut rng)).await;
        }
        drop(ingest);
    };
    tokio::join!(submit, collect(&call, results, pause));
    call.expect_all_answers();
}

/// Simulates the unary call: permits for all documents at once, or none.
async fn upsert(world: &World, mut rng: TestRng) {
    let (mut ingest, results) = open(world, Urgency::Interactive, &mut rng);
    let call = Call::new(world);
    let count = 1 + rng.below(3) as usize;
    let Ok(reservations) = ingest.tickets.try_reserve_all(&vec![BYTES; count]) else { return };
    let submit = async {
        for reservation in reservations {
            let Ok(ticket) = ingest.tickets.acquire_for(reservation).await else { break };
            let (change, number) = begin_upsert(&call, &mut rng);
            if ingest.submit(ticket, new_submission(change)).await.is_err() {
                break;
            }
            world.oracle.record_accepted(number);
        }
        drop(ingest);
    };
    tokio::join!(submit, collect(&call, results, Duration::ZERO));
    call.expect_all_answers();
}

async fn delete(world: &World, mut rng: TestRng) {
    let call = Call::new(world);
    let ids: BTreeSet<u64> = (0..1 + rng.below(3)).map(|_| rng.below(IDS)).collect();
    let sent: Vec<Number> = ids.iter().map(|&id| call.begin(id, None)).collect();
    let ids: BTreeSet<PointId> = ids.into_iter().map(PointId::Num).collect();
    let mut delete = pin!(world.pipeline.delete("docs", ids));
    // A delete is accepted when it is first polled.
    let first_poll = poll_fn(|context| Poll::Ready(delete.as_mut().poll(context))).await;
    sent.iter().for_each(|&number| world.oracle.record_accepted(number));
    let outcome = match first_poll {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => delete.await,
    };
    for &(number, id) in &*call.sent.borrow() {
        call.record_outcome(number, id, outcome.clone());
    }
}

async fn collect(call: &Call<'_>, mut results: OperationResults, pause: Duration) {
    while let Some(result) = results.recv().await {
        call.record_result(result);
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
}

fn new_submission(change: DocumentChange) -> Submission {
    Submission { bytes: BYTES, position: String::new(), change: Ok(change) }
}

fn begin_upsert(call: &Call<'_>, rng: &mut TestRng) -> (DocumentChange, Number) {
    let id = rng.below(IDS);
    // Some contents are shared with other documents, some are unique.
    let content = match rng.below(12) {
        0 => REFUSED_CONTENT,
        1..6 => REFUSED_CONTENT + 1 + rng.below(1 << 40),
        _ => rng.below(SHARED_CONTENTS),
    };
    let number = call.begin(id, Some(content));
    let (id, text) = (DocumentId::Num(id), content.to_string());
    (
        DocumentChange::Upsert(Document { id, text, payload: Payload::new(), dense: BTreeMap::new(), version: None }),
        number,
    )
}

fn open(world: &World, urgency: Urgency, rng: &mut TestRng) -> (IngestHandle, OperationResults) {
    let spec = CollectionSpec {
        vector_name: "splade".to_owned(),
        on_disk_index: false,
        datatype: Default::default(),
        dense: BTreeMap::new(),
        model: String::new(),
        fingerprint: None,
        dtype: String::new(),
        incarnation: String::new(),
        sharding: Sharding::single(),
    };
    let options = IngestOptions {
        model: Arc::clone(&world.model),
        collection: "docs".to_owned(),
        spec,
        long_text: LongTextPolicy::Truncate,
        pruning: Pruning::default(),
        text_field: "text".to_owned(),
        max_batch_points: rng.choose(&[1, 2, 5]),
        skip_unchanged: rng.one_in(2),
        first_sequence: 1,
    };
    world.pipeline.start_ingest(urgency, options)
}
