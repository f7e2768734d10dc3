//! Clients that stream, upsert and delete a few ids, and give up now and then.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::oracle::Number;
use super::store::{BAD, CONTENTS};
use super::{World, draw_delay};
use crate::pipeline::testing::TestRng;
use crate::pipeline::{
    DocumentChange, IngestHandle, IngestOptions, ItemResult, OperationKey, OperationOutcome, OperationResults,
    Submission, Urgency,
};
use crate::types::{
    ApiError, CollectionSpec, Document, DocumentId, ErrorReason, LongTextPolicy, Payload, PointId, Pruning, Sharding,
};

/// Few, so that changes of one id meet.
const IDS: u64 = 4;
/// How large a document is said to be.
const BYTES: usize = 10;

/// A change that was sent: its number and its id.
type Sent = (Number, PointId);

/// Does a few things one after another.
pub async fn run(world: &World, mut rng: TestRng) {
    for _ in 0..1 + rng.below(8) {
        let give_up = rng.one_in(3).then(|| Duration::from_millis(rng.choose(&[0, 1, 30, 150, 1_000, 5_000, 12_000])));
        let act = async {
            match rng.below(4) {
                0 => stream(world, rng.clone()).await,
                1 | 2 => upsert(world, rng.clone()).await,
                _ => delete(world, rng.clone()).await,
            }
        };
        match give_up {
            None => act.await,
            Some(after) => drop(timeout(after, act).await),
        }
        sleep(draw_delay(&mut rng)).await;
    }
}

/// The changes of one call. Dropped, the caller has gone away.
struct Call<'a> {
    world: &'a World,
    sent: RefCell<Vec<Sent>>,
    answered: RefCell<BTreeSet<Number>>,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let answered = self.answered.borrow();
        let sent = self.sent.borrow();
        let waiting = sent.iter().filter(|(number, _)| !answered.contains(number));
        waiting.for_each(|&(number, _)| self.world.oracle.abandoned(number));
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

    /// Takes note of a document's result.
    fn finished(&self, ItemResult { key, outcome }: ItemResult<OperationKey, OperationOutcome>) {
        let (number, id) = self.sent.borrow()[key.sequence as usize - 1];
        self.answered(number, id, outcome.map(drop));
    }

    fn answered(&self, number: Number, id: PointId, outcome: Result<(), ApiError>) {
        assert!(self.answered.borrow_mut().insert(number), "a document has two results");
        match outcome {
            Ok(()) => self.world.oracle.confirmed(number, id, self.world.store.durable().get(&id).copied()),
            Err(fault) if fault.reason == ErrorReason::StoreRefused => self.world.oracle.refused(number),
            // Where a task of the pipeline panics, its work is dropped.
            Err(fault) => assert!(!fault.message.contains("dropped"), "{fault:?}"),
        }
    }
}

async fn stream(world: &World, mut rng: TestRng) {
    let (mut ingest, results) = open(world, Urgency::Bulk, &mut rng);
    // Some read slowly.
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
                false => begin(&call, &mut rng),
            };
            if ingest.submit(ticket, submission(change)).await.is_err() {
                break;
            }
            world.oracle.accepted(number);
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

/// As the unary call does it: places for all documents at once or not at all.
async fn upsert(world: &World, mut rng: TestRng) {
    let (mut ingest, results) = open(world, Urgency::Interactive, &mut rng);
    let call = Call::new(world);
    let count = 1 + rng.below(3) as usize;
    let Ok(reservations) = ingest.tickets.try_reserve_all(&vec![BYTES; count]) else { return };
    let submit = async {
        for reservation in reservations {
            let Ok(ticket) = ingest.tickets.acquire_for(reservation).await else { break };
            let (change, number) = begin(&call, &mut rng);
            if ingest.submit(ticket, submission(change)).await.is_err() {
                break;
            }
            world.oracle.accepted(number);
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
    // It is accepted as soon as it begins.
    let begun = poll_fn(|context| Poll::Ready(delete.as_mut().poll(context))).await;
    sent.iter().for_each(|&number| world.oracle.accepted(number));
    let outcome = match begun {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => delete.await,
    };
    for &(number, id) in &*call.sent.borrow() {
        call.answered(number, id, outcome.clone());
    }
}

async fn collect(call: &Call<'_>, mut results: OperationResults, pause: Duration) {
    while let Some(finished) = results.recv().await {
        call.finished(finished);
        if !pause.is_zero() {
            sleep(pause).await;
        }
    }
}

fn submission(change: DocumentChange) -> Submission {
    Submission { bytes: BYTES, position: String::new(), change: Ok(change) }
}

fn begin(call: &Call<'_>, rng: &mut TestRng) -> (DocumentChange, Number) {
    let id = rng.below(IDS);
    // Some are as others were before, some like no other.
    let content = match rng.below(12) {
        0 => BAD,
        1..6 => BAD + 1 + rng.below(1 << 40),
        _ => rng.below(CONTENTS),
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
