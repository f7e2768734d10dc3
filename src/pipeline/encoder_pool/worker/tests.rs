//! One encoder thread, run to its end by a test: what is in the lanes is fixed beforehand, so the order is certain.

mod windows;

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;
use crate::model::{Encoder, EncoderOutput, Model, NonFiniteOutput, RoleEncoder, TokenBatch, YieldPoint};
use crate::pipeline::encoder_pool::probe::Probe;
use crate::pipeline::encoder_pool::{EncodedVector, NextStage};
use crate::pipeline::lane::Lane;
use crate::trace::JobOrigin;
use crate::types::{ApiError, LongTextPolicy, Pruning, Role, SparseVector};

/// What happened, in order.
type Log = Arc<Mutex<Vec<String>>>;

/// Panics on texts that hold the token of `bad`, yields once a batch, and does on its first batch what it was
/// told to.
#[derive(Default)]
struct Fake {
    bad: Option<u32>,
    /// Gives no vector for texts that hold this token.
    not_finite: Option<u32>,
    seen: Mutex<Vec<u32>>,
    /// The tokens of each batch.
    batches: Mutex<Vec<usize>>,
    first: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

impl Encoder for Fake {
    fn encode(&self, batch: &TokenBatch, yield_point: &mut YieldPoint<'_>) -> candle_core::Result<Vec<EncoderOutput>> {
        let first = self.first.lock().unwrap().take();
        if let Some(first) = first {
            first();
        }
        yield_point.yield_now();
        self.seen.lock().unwrap().extend(batch.ids());
        self.batches.lock().unwrap().push(batch.ids().len());
        assert!(!self.bad.is_some_and(|bad| batch.ids().contains(&bad)), "a bad text");
        let lengths = batch.bounds().windows(2).map(|pair| (pair[1] - pair[0]) as f32);
        let outputs = lengths.zip(batch.sequences()).map(|(length, ids)| match self.not_finite {
            Some(bad) if ids.contains(&bad) => Err(NonFiniteOutput),
            _ => Ok(SparseVector::new(vec![7], vec![length]).unwrap()),
        });
        Ok(outputs.collect())
    }
}

/// A real tokenizer over a fake encoder.
fn model(encoder: Arc<Fake>) -> Arc<Model> {
    Arc::new(Model { document: RoleEncoder { encoder, ..loaded().document }, ..loaded() })
}

fn loaded() -> Model {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/bert-random-tied");
    Model::load("fake", &folder, &crate::model::Backend::default()).unwrap()
}

/// The id of a word that is one token.
fn token(model: &Model, word: &str) -> u32 {
    let ids = model.document.tokenizer.tokenize(word).unwrap().ids;
    assert_eq!(ids.len(), 3, "`{word}` is one token, between [CLS] and [SEP]");
    ids[1]
}

/// Writes into the log what became of a text.
struct Note {
    name: String,
    log: Log,
    abandoned: Arc<AtomicBool>,
    then: Option<Box<dyn FnOnce() + Send>>,
}

impl Probe for Note {
    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }

    fn complete(self: Box<Self>, text: String, outcome: Result<EncodedVector, ApiError>) {
        let outcome = match outcome {
            Ok(_) => "encoded",
            Err(fault) => fault.reason.as_str(),
        };
        assert!(self.name.starts_with(text.split(' ').next().unwrap()));
        self.log.lock().unwrap().push(format!("{}: {outcome}", self.name));
        if let Some(then) = self.then {
            then();
        }
    }
}

fn job(model: &Arc<Model>, log: &Log, name: &str, text: &str) -> EncodeJob {
    let note = Note { name: name.to_owned(), log: Arc::clone(log), abandoned: Arc::default(), then: None };
    noted(model, text, note)
}

fn noted(model: &Arc<Model>, text: &str, note: Note) -> EncodeJob {
    let (role, long_text, pruning) = (Role::Document, LongTextPolicy::Reject, Pruning::default());
    EncodeJob {
        model: Arc::clone(model),
        role,
        text: text.to_owned(),
        long_text,
        pruning,
        origin: JobOrigin::current(),
        next_stage: NextStage::Probe(Box::new(note)),
    }
}

/// Lanes that take `query` and `bulk`, and the thread that will serve them.
async fn filled(query: Vec<EncodeJob>, bulk: Vec<EncodeJob>, batch_tokens: usize) -> (Lane<EncodeJob>, Worker) {
    let (query_lane, query_receiver) = Lane::new("test", 100);
    let (bulk_lane, bulk_receiver) = Lane::new("test", 100);
    for job in query {
        query_lane.send(job).await.unwrap();
    }
    for job in bulk {
        bulk_lane.send(job).await.unwrap();
    }
    (
        query_lane,
        Worker {
            query: query_receiver,
            bulk: bulk_receiver,
            max_batch_tokens: batch_tokens,
            threads: 1,
            fairness: Fairness::default(),
        },
    )
}

/// Runs the thread until both lanes are closed and empty.
fn run(worker: Worker) {
    std::thread::spawn(move || worker.run()).join().unwrap();
}

#[tokio::test]
async fn a_text_that_the_encoder_panics_on_is_refused_alone() {
    let log = Log::default();
    let bad = token(&model(Arc::default()), "body");
    let model = model(Arc::new(Fake { bad: Some(bad), ..Fake::default() }));
    let texts = ["flow a", "flow b", "body c", "flow d", "flow e"];
    let bulk = texts.iter().map(|text| job(&model, &log, text, text)).collect();
    let (lane, worker) = filled(Vec::new(), bulk, 512).await;
    drop(lane);
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    let counted = move || ::metrics::with_local_recorder(&recorder, || worker.run());
    std::thread::spawn(counted).join().expect("the thread outlives the panic");
    let mut log = log.lock().unwrap().clone();
    log.sort();
    let encoded = ["flow a: encoded", "flow b: encoded", "flow d: encoded", "flow e: encoded"];
    assert_eq!(log[1..], encoded);
    assert_eq!(log[0], "body c: INTERNAL");
    // The batch, and the text alone.
    let failures = format!("{} 2\n", crate::metrics::ENCODER_FAILURES);
    assert!(page.render().contains(&failures), "{}", page.render());
}

/// However it is to be cut, and whoever asks for it.
#[tokio::test]
async fn a_text_that_the_tokenizer_removes_is_refused_alone() {
    let (log, encoder) = (Log::default(), Arc::new(Fake::default()));
    let model = model(Arc::clone(&encoder));
    let ways = [
        LongTextPolicy::Truncate,
        LongTextPolicy::TruncateLeft,
        LongTextPolicy::Reject,
        LongTextPolicy::Window { overlap: 0 },
    ];
    let removed = "\u{fffd} \u{301}";
    let jobs = ways.into_iter().flat_map(|long_text| {
        [Role::Document, Role::Query].map(|role| EncodeJob { role, long_text, ..job(&model, &log, removed, removed) })
    });
    let long = "[SEP]".repeat(2 * 512);
    let windows = EncodeJob { long_text: LongTextPolicy::Window { overlap: 0 }, ..job(&model, &log, &long, &long) };
    let bulk = jobs.chain([windows, job(&model, &log, "flow", "flow")]).collect();
    let (lane, worker) = filled(Vec::new(), bulk, 512).await;
    drop(lane);
    run(worker);
    let refused = [removed; 8].into_iter().chain([long.as_str()]).map(|name| format!("{name}: EMPTY_TEXT"));
    assert_eq!(*log.lock().unwrap(), refused.chain(["flow: encoded".to_owned()]).collect::<Vec<_>>());
    let flow = model.document.tokenizer.tokenize("flow").unwrap().ids;
    assert_eq!(*encoder.seen.lock().unwrap(), flow);
}

/// Such a text is an error, and its neighbours are not encoded again for it.
#[tokio::test]
async fn a_text_without_a_finite_vector_is_refused_alone() {
    let log = Log::default();
    let bad = token(&model(Arc::default()), "body");
    let encoder = Arc::new(Fake { not_finite: Some(bad), ..Fake::default() });
    let model = model(Arc::clone(&encoder));
    let texts = ["flow a", "body b", "flow c", "body d"];
    let bulk = texts.iter().map(|text| job(&model, &log, text, text)).collect();
    let (lane, worker) = filled(Vec::new(), bulk, 512).await;
    drop(lane);
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    std::thread::spawn(move || ::metrics::with_local_recorder(&recorder, || worker.run())).join().unwrap();
    assert_eq!(
        *log.lock().unwrap(),
        ["flow a: encoded", "body b: ENCODING_FAILED", "flow c: encoded", "body d: ENCODING_FAILED"]
    );
    assert_eq!(encoder.batches.lock().unwrap().len(), 1);
    let page = page.render();
    let line = format!("{}{{model=\"fake\"}} 2\n", crate::metrics::NONFINITE_VECTORS);
    assert!(page.contains(&line) && !page.contains(crate::metrics::ENCODER_FAILURES), "{page}");
}

#[tokio::test]
async fn a_thread_takes_its_share_of_what_waits() {
    let (log, encoder) = (Log::default(), Arc::new(Fake::default()));
    let model = model(Arc::clone(&encoder));
    let bulk = ["flow"; 12].map(|text| job(&model, &log, text, text)).into();
    let (lane, worker) = filled(Vec::new(), bulk, 512).await;
    drop(lane);
    run(Worker { threads: 2, ..worker });
    // The other thread, were there one, would have taken as many each time.
    let each = model.document.tokenizer.tokenize("flow").unwrap().ids.len();
    assert_eq!(*encoder.batches.lock().unwrap(), [6, 3, 2, 1].map(|texts| texts * each));
}

#[tokio::test]
async fn what_nobody_waits_for_is_not_encoded() {
    let log = Log::default();
    let encoder = Arc::new(Fake::default());
    let model = model(Arc::clone(&encoder));
    let mut bulk: Vec<EncodeJob> = ["flow", "body", "wing"].map(|text| job(&model, &log, text, text)).into();
    let abandoned = Arc::new(AtomicBool::new(true));
    let note = Note { name: "body".to_owned(), log: Arc::clone(&log), abandoned, then: None };
    bulk[1].next_stage = NextStage::Probe(Box::new(note));
    let (lane, worker) = filled(Vec::new(), bulk, 512).await;
    drop(lane);
    run(worker);
    assert_eq!(*log.lock().unwrap(), ["flow: encoded", "wing: encoded"]);
    assert!(!encoder.seen.lock().unwrap().contains(&token(&model, "body")));
}

#[tokio::test]
async fn a_query_that_comes_amid_bulk_work_is_served_first() {
    let log = Log::default();
    let encoder = Arc::new(Fake::default());
    let model = model(Arc::clone(&encoder));
    // Each text is a batch of its own.
    let bulk = ["flow a", "flow b", "flow c"].map(|text| job(&model, &log, text, text)).into();
    let (lane, worker) = filled(Vec::new(), bulk, 1).await;
    let query = job(&model, &log, "wing", "wing");
    let runtime = tokio::runtime::Handle::current();
    *encoder.first.lock().unwrap() = Some(Box::new(move || runtime.block_on(lane.send(query)).unwrap()));
    tokio::task::spawn_blocking(|| run(worker)).await.unwrap();
    assert_eq!(*log.lock().unwrap(), ["wing: encoded", "flow a: encoded", "flow b: encoded", "flow c: encoded"]);
}

#[tokio::test]
async fn a_query_is_served_between_texts_that_are_refused() {
    let log = Log::default();
    let model = model(Arc::default());
    let long = "flow ".repeat(500);
    let mut bulk: Vec<EncodeJob> = ["flow a", "flow b"].map(|name| job(&model, &log, name, &long)).into();
    let (lane_of_query, query_receiver) = Lane::new("test", 1);
    let query = job(&model, &log, "wing", "wing");
    let runtime = tokio::runtime::Handle::current();
    let then = Box::new(move || runtime.block_on(lane_of_query.send(query)).unwrap());
    let first = Note { name: "flow".to_owned(), log: Arc::clone(&log), abandoned: Arc::default(), then: Some(then) };
    bulk.insert(0, noted(&model, &long, first));
    let (_, filled) = filled(Vec::new(), bulk, 512).await;
    let worker = Worker { query: query_receiver, ..filled };
    tokio::task::spawn_blocking(|| run(worker)).await.unwrap();
    let refused = |name: &str| format!("{name}: TEXT_TOO_LONG");
    let expected = [refused("flow"), "wing: encoded".to_owned(), refused("flow a"), refused("flow b")];
    assert_eq!(*log.lock().unwrap(), expected);
}

#[tokio::test]
async fn each_role_goes_to_its_own_encoder() {
    let log = Log::default();
    let encoders: [Arc<Fake>; 2] = Default::default();
    let [document, query] =
        encoders.each_ref().map(|encoder| RoleEncoder { encoder: encoder.clone(), ..loaded().document });
    let model = Arc::new(Model { document, query: Some(query), ..loaded() });
    let of_role = |role, text| EncodeJob { role, ..job(&model, &log, text, text) };
    let bulk = [(Role::Document, "body"), (Role::Query, "moon"), (Role::Document, "flow")];
    let (lane, worker) = filled(Vec::new(), bulk.map(|(role, text)| of_role(role, text)).into(), 512).await;
    drop(lane);
    run(worker);
    assert_eq!(log.lock().unwrap().len(), 3);
    let [of_documents, of_queries] = encoders.map(|encoder| encoder.seen.lock().unwrap().clone());
    let saw = |seen: &[u32], word| seen.contains(&token(&model, word));
    assert!(saw(&of_documents, "body") && !saw(&of_documents, "moon"));
    assert!(saw(&of_queries, "moon") && of_queries.len() == 3);
}

#[tokio::test]
async fn queries_come_before_bulk_work_and_all_is_done_before_the_end() {
    let log = Log::default();
    let model = model(Arc::default());
    let jobs = |names: [&str; 3]| names.map(|name| job(&model, &log, name, name)).into();
    let (lane, worker) = filled(jobs(["wing a", "wing b", "wing c"]), jobs(["flow a", "flow b", "flow c"]), 1).await;
    drop(lane);
    run(worker);
    let log = log.lock().unwrap();
    assert!(log[..3].iter().all(|line| line.starts_with("wing")), "{log:?}");
    assert_eq!(log.len(), 6);
}
