//! Tests of one encoder thread. The lanes are filled before the thread starts, so that the order is deterministic.

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

/// Events in order.
type Log = Arc<Mutex<Vec<String>>>;

/// Encoder that yields once per batch, calls a hook on its first batch, and panics on texts with a given token.
#[derive(Default)]
struct FakeEncoder {
    panic_token: Option<u32>,
    /// Returns `NonFiniteOutput` for texts with this token.
    non_finite_token: Option<u32>,
    encoded_tokens: Mutex<Vec<u32>>,
    /// Number of tokens of each batch.
    batch_tokens: Mutex<Vec<usize>>,
    on_first_batch: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl fmt::Debug for FakeEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeEncoder")
    }
}

impl Encoder for FakeEncoder {
    fn encode(&self, batch: &TokenBatch, yield_point: &mut YieldPoint<'_>) -> candle_core::Result<Vec<EncoderOutput>> {
        let on_first_batch = self.on_first_batch.lock().unwrap().take();
        if let Some(hook) = on_first_batch {
            hook();
        }
        yield_point.yield_now();
        self.encoded_tokens.lock().unwrap().extend(batch.ids());
        self.batch_tokens.lock().unwrap().push(batch.ids().len());
        assert!(!self.panic_token.is_some_and(|token| batch.ids().contains(&token)), "a bad text");
        let lengths = batch.bounds().windows(2).map(|pair| (pair[1] - pair[0]) as f32);
        let outputs = lengths.zip(batch.sequences()).map(|(length, ids)| match self.non_finite_token {
            Some(token) if ids.contains(&token) => Err(NonFiniteOutput),
            _ => Ok(SparseVector::new(vec![7], vec![length]).unwrap()),
        });
        Ok(outputs.collect())
    }
}

/// Returns a model with a real tokenizer and the given encoder.
fn fake_model(encoder: Arc<FakeEncoder>) -> Arc<Model> {
    Arc::new(Model { document: RoleEncoder { encoder, ..load_model().document }, ..load_model() })
}

fn load_model() -> Model {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/bert-random-tied");
    Model::load("fake", &dir, &crate::model::Backend::default()).unwrap()
}

/// Returns the id of a word that is a single token.
fn token_id(model: &Model, word: &str) -> u32 {
    let ids = model.document.tokenizer.tokenize(word).unwrap().ids;
    assert_eq!(ids.len(), 3, "`{word}` must be one token between [CLS] and [SEP]");
    ids[1]
}

/// Probe that logs the outcome of a text.
struct LogProbe {
    name: String,
    log: Log,
    abandoned: Arc<AtomicBool>,
    on_complete: Option<Box<dyn FnOnce() + Send>>,
}

impl Probe for LogProbe {
    fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::SeqCst)
    }

    fn complete(self: Box<Self>, text: String, outcome: Result<EncodedVector, ApiError>) {
        let outcome = match outcome {
            Ok(_) => "encoded",
            Err(error) => error.reason.as_str(),
        };
        assert!(self.name.starts_with(text.split(' ').next().unwrap()));
        self.log.lock().unwrap().push(format!("{}: {outcome}", self.name));
        if let Some(hook) = self.on_complete {
            hook();
        }
    }
}

fn new_job(model: &Arc<Model>, log: &Log, name: &str, text: &str) -> EncodeJob {
    let probe = LogProbe { name: name.to_owned(), log: Arc::clone(log), abandoned: Arc::default(), on_complete: None };
    new_probed_job(model, text, probe)
}

fn new_probed_job(model: &Arc<Model>, text: &str, probe: LogProbe) -> EncodeJob {
    let (role, long_text, pruning) = (Role::Document, LongTextPolicy::Reject, Pruning::default());
    EncodeJob {
        model: Arc::clone(model),
        role,
        text: text.to_owned(),
        long_text,
        pruning,
        origin: JobOrigin::current(),
        next_stage: NextStage::Probe(Box::new(probe)),
    }
}

/// Creates lanes filled with `query` and `bulk`, and the worker that serves them. The bulk lane is already closed.
async fn fill_lanes(query: Vec<EncodeJob>, bulk: Vec<EncodeJob>, batch_tokens: usize) -> (Lane<EncodeJob>, Worker) {
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

/// Runs the worker until both lanes are closed and empty.
fn run(worker: Worker) {
    std::thread::spawn(move || worker.run()).join().unwrap();
}

#[tokio::test]
async fn a_text_that_the_encoder_panics_on_is_rejected_alone() {
    let log = Log::default();
    let panic_token = token_id(&fake_model(Arc::default()), "body");
    let model = fake_model(Arc::new(FakeEncoder { panic_token: Some(panic_token), ..FakeEncoder::default() }));
    let texts = ["flow a", "flow b", "body c", "flow d", "flow e"];
    let bulk = texts.iter().map(|text| new_job(&model, &log, text, text)).collect();
    let (lane, worker) = fill_lanes(Vec::new(), bulk, 512).await;
    drop(lane);
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    let run_with_recorder = move || ::metrics::with_local_recorder(&recorder, || worker.run());
    std::thread::spawn(run_with_recorder).join().expect("the thread outlives the panic");
    let mut log = log.lock().unwrap().clone();
    log.sort();
    let encoded = ["flow a: encoded", "flow b: encoded", "flow d: encoded", "flow e: encoded"];
    assert_eq!(log[1..], encoded);
    assert_eq!(log[0], "body c: INTERNAL");
    // Two failures: the batch, then the text alone.
    let failures = format!("{} 2\n", crate::metrics::ENCODER_FAILURES);
    assert!(page.render().contains(&failures), "{}", page.render());
}

/// Texts without content are rejected under each long-text policy and for both roles.
#[tokio::test]
async fn a_text_that_the_tokenizer_removes_is_rejected_alone() {
    let (log, encoder) = (Log::default(), Arc::new(FakeEncoder::default()));
    let model = fake_model(Arc::clone(&encoder));
    let policies = [
        LongTextPolicy::Truncate,
        LongTextPolicy::TruncateLeft,
        LongTextPolicy::Reject,
        LongTextPolicy::Window { overlap: 0 },
    ];
    let removed = "\u{fffd} \u{301}";
    let jobs = policies.into_iter().flat_map(|long_text| {
        [Role::Document, Role::Query].map(|role| EncodeJob {
            role,
            long_text,
            ..new_job(&model, &log, removed, removed)
        })
    });
    let long = "[SEP]".repeat(2 * 512);
    let windows = EncodeJob { long_text: LongTextPolicy::Window { overlap: 0 }, ..new_job(&model, &log, &long, &long) };
    let bulk = jobs.chain([windows, new_job(&model, &log, "flow", "flow")]).collect();
    let (lane, worker) = fill_lanes(Vec::new(), bulk, 512).await;
    drop(lane);
    run(worker);
    let rejected = [removed; 8].into_iter().chain([long.as_str()]).map(|name| format!("{name}: EMPTY_TEXT"));
    assert_eq!(*log.lock().unwrap(), rejected.chain(["flow: encoded".to_owned()]).collect::<Vec<_>>());
    let flow = model.document.tokenizer.tokenize("flow").unwrap().ids;
    assert_eq!(*encoder.encoded_tokens.lock().unwrap(), flow);
}

/// The batch of a text with a vector that is not finite is not encoded again.
#[tokio::test]
async fn a_text_without_a_finite_vector_is_rejected_alone() {
    let log = Log::default();
    let bad = token_id(&fake_model(Arc::default()), "body");
    let encoder = Arc::new(FakeEncoder { non_finite_token: Some(bad), ..FakeEncoder::default() });
    let model = fake_model(Arc::clone(&encoder));
    let texts = ["flow a", "body b", "flow c", "body d"];
    let bulk = texts.iter().map(|text| new_job(&model, &log, text, text)).collect();
    let (lane, worker) = fill_lanes(Vec::new(), bulk, 512).await;
    drop(lane);
    let recorder = PrometheusBuilder::new().build_recorder();
    let page = recorder.handle();
    std::thread::spawn(move || ::metrics::with_local_recorder(&recorder, || worker.run())).join().unwrap();
    assert_eq!(
        *log.lock().unwrap(),
        ["flow a: encoded", "body b: ENCODING_FAILED", "flow c: encoded", "body d: ENCODING_FAILED"]
    );
    assert_eq!(encoder.batch_tokens.lock().unwrap().len(), 1);
    let page = page.render();
    let line = format!("{}{{model=\"fake\"}} 2\n", crate::metrics::NONFINITE_VECTORS);
    assert!(page.contains(&line) && !page.contains(crate::metrics::ENCODER_FAILURES), "{page}");
}

#[tokio::test]
async fn a_thread_takes_its_share_of_the_waiting_texts() {
    let (log, encoder) = (Log::default(), Arc::new(FakeEncoder::default()));
    let model = fake_model(Arc::clone(&encoder));
    let bulk = ["flow"; 12].map(|text| new_job(&model, &log, text, text)).into();
    let (lane, worker) = fill_lanes(Vec::new(), bulk, 512).await;
    drop(lane);
    run(Worker { threads: 2, ..worker });
    // No second thread runs here, so each batch is half of the remaining texts.
    let tokens_per_text = model.document.tokenizer.tokenize("flow").unwrap().ids.len();
    assert_eq!(*encoder.batch_tokens.lock().unwrap(), [6, 3, 2, 1].map(|texts| texts * tokens_per_text));
}

#[tokio::test]
async fn abandoned_texts_are_not_encoded() {
    let log = Log::default();
    let encoder = Arc::new(FakeEncoder::default());
    let model = fake_model(Arc::clone(&encoder));
    let mut bulk: Vec<EncodeJob> = ["flow", "body", "wing"].map(|text| new_job(&model, &log, text, text)).into();
    let abandoned = Arc::new(AtomicBool::new(true));
    let probe = LogProbe { name: "body".to_owned(), log: Arc::clone(&log), abandoned, on_complete: None };
    bulk[1].next_stage = NextStage::Probe(Box::new(probe));
    let (lane, worker) = fill_lanes(Vec::new(), bulk, 512).await;
    drop(lane);
    run(worker);
    assert_eq!(*log.lock().unwrap(), ["flow: encoded", "wing: encoded"]);
    assert!(!encoder.encoded_tokens.lock().unwrap().contains(&token_id(&model, "body")));
}

#[tokio::test]
async fn a_query_that_arrives_during_bulk_work_is_served_first() {
    let log = Log::default();
    let encoder = Arc::new(FakeEncoder::default());
    let model = fake_model(Arc::clone(&encoder));
    // A batch limit of one token gives each text its own batch.
    let bulk = ["flow a", "flow b", "flow c"].map(|text| new_job(&model, &log, text, text)).into();
    let (lane, worker) = fill_lanes(Vec::new(), bulk, 1).await;
    let query = new_job(&model, &log, "wing", "wing");
    let runtime = tokio::runtime::Handle::current();
    *encoder.on_first_batch.lock().unwrap() = Some(Box::new(move || runtime.block_on(lane.send(query)).unwrap()));
    tokio::task::spawn_blocking(|| run(worker)).await.unwrap();
    assert_eq!(*log.lock().unwrap(), ["wing: encoded", "flow a: encoded", "flow b: encoded", "flow c: encoded"]);
}

#[tokio::test]
async fn a_query_is_served_between_texts_that_are_rejected() {
    let log = Log::default();
    let model = fake_model(Arc::default());
    let long = "flow ".repeat(500);
    let mut bulk: Vec<EncodeJob> = ["flow a", "flow b"].map(|name| new_job(&model, &log, name, &long)).into();
    let (query_lane, query_receiver) = Lane::new("test", 1);
    let query = new_job(&model, &log, "wing", "wing");
    let runtime = tokio::runtime::Handle::current();
    let on_complete = Box::new(move || runtime.block_on(query_lane.send(query)).unwrap());
    let first = LogProbe {
        name: "flow".to_owned(),
        log: Arc::clone(&log),
        abandoned: Arc::default(),
        on_complete: Some(on_complete),
    };
    bulk.insert(0, new_probed_job(&model, &long, first));
    let (_, worker) = fill_lanes(Vec::new(), bulk, 512).await;
    let worker = Worker { query: query_receiver, ..worker };
    tokio::task::spawn_blocking(|| run(worker)).await.unwrap();
    let rejected = |name: &str| format!("{name}: TEXT_TOO_LONG");
    let expected = [rejected("flow"), "wing: encoded".to_owned(), rejected("flow a"), rejected("flow b")];
    assert_eq!(*log.lock().unwrap(), expected);
}

#[tokio::test]
async fn each_role_goes_to_its_own_encoder() {
    let log = Log::default();
    let encoders: [Arc<FakeEncoder>; 2] = Default::default();
    let [document, query] =
        encoders.each_ref().map(|encoder| RoleEncoder { encoder: encoder.clone(), ..load_model().document });
    let model = Arc::new(Model { document, query: Some(query), ..load_model() });
    let new_role_job = |role, text| EncodeJob { role, ..new_job(&model, &log, text, text) };
    let bulk = [(Role::Document, "body"), (Role::Query, "moon"), (Role::Document, "flow")];
    let (lane, worker) = fill_lanes(Vec::new(), bulk.map(|(role, text)| new_role_job(role, text)).into(), 512).await;
    drop(lane);
    run(worker);
    assert_eq!(log.lock().unwrap().len(), 3);
    let [document_tokens, query_tokens] = encoders.map(|encoder| encoder.encoded_tokens.lock().unwrap().clone());
    let has_word = |tokens: &[u32], word| tokens.contains(&token_id(&model, word));
    assert!(has_word(&document_tokens, "body") && !has_word(&document_tokens, "moon"));
    assert!(has_word(&query_tokens, "moon") && query_tokens.len() == 3);
}

#[tokio::test]
async fn queries_precede_bulk_work_and_both_lanes_are_drained() {
    let log = Log::default();
    let model = fake_model(Arc::default());
    let jobs = |names: [&str; 3]| names.map(|name| new_job(&model, &log, name, name)).into();
    let (lane, worker) =
        fill_lanes(jobs(["wing a", "wing b", "wing c"]), jobs(["flow a", "flow b", "flow c"]), 1).await;
    drop(lane);
    run(worker);
    let log = log.lock().unwrap();
    assert!(log[..3].iter().all(|line| line.starts_with("wing")), "{log:?}");
    assert_eq!(log.len(), 6);
}
