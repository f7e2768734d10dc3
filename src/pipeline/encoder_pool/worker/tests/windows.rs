//! Tests of long texts as windows, on one encoder thread.

use proptest::prelude::*;

use super::*;
use crate::pipeline::encoder_pool::Timings;

/// Probe that stores the vector of each text.
struct VectorProbe {
    number: usize,
    vectors: Arc<Mutex<Vec<Option<EncodedVector>>>>,
}

impl Probe for VectorProbe {
    fn is_abandoned(&self) -> bool {
        false
    }

    fn complete(self: Box<Self>, _text: String, outcome: Result<EncodedVector, ApiError>) {
        self.vectors.lock().unwrap()[self.number] = Some(outcome.unwrap());
    }
}

/// Encodes texts that wait together on one worker. Timings are reset, because they vary between runs.
fn encode_texts(
    model: &Arc<Model>,
    texts: &[String],
    long_text: LongTextPolicy,
    batch_tokens: usize,
) -> Vec<EncodedVector> {
    let vectors = Arc::new(Mutex::new(vec![None; texts.len()]));
    let jobs = texts.iter().enumerate().map(|(number, text)| {
        let probe = NextStage::Probe(Box::new(VectorProbe { number, vectors: Arc::clone(&vectors) }));
        let (model, role, pruning) = (Arc::clone(model), Role::Document, Pruning::default());
        EncodeJob {
            model,
            role,
            text: text.clone(),
            long_text,
            pruning,
            origin: JobOrigin::current(),
            next_stage: probe,
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (lane, worker) = runtime.block_on(fill_lanes(Vec::new(), jobs.collect(), batch_tokens));
    drop(lane);
    run(worker);
    let vectors = std::mem::take(&mut *vectors.lock().unwrap());
    let vectors = vectors.into_iter().map(Option::unwrap);
    let without_timings = vectors.map(|encoded| {
        assert!(
            !encoded.timings.tokenize_time.is_zero() && !encoded.timings.encode_time.is_zero(),
            "{:?}",
            encoded.timings
        );
        EncodedVector { timings: Timings::default(), ..encoded }
    });
    without_timings.collect()
}

/// Encodes some tokens of a text as a batch of one sequence.
fn encode_alone(role_encoder: &RoleEncoder, tokens: &[u32]) -> SparseVector {
    let sequence = role_encoder.tokenizer.build_sequence(tokens).unwrap();
    role_encoder
        .encoder
        .encode(&TokenBatch::from_iter([sequence.as_slice()]), &mut YieldPoint::none())
        .unwrap()
        .remove(0)
        .unwrap()
}

fn random_words(count: usize, seed: usize) -> String {
    const WORDS: [&str; 7] = ["moon", "sea", "body", "the", "wing", "heat", "flow"];
    (0..count).map(|index| WORDS[(index * index + seed * 3 + index) % 7].to_owned() + " ").collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Invariants: the vector of a long text is bit-identical to the term-wise maximum of its separately encoded
    /// windows, regardless of its neighbours and the batch size. A text that fits is encoded as it would be without
    /// windows.
    #[test]
    fn a_windowed_text_is_the_maximum_of_its_windows(
        lengths in prop::collection::vec(prop_oneof![1usize..30, 100usize..400], 1..5),
        overlap in 0usize..126,
        batch_tokens in 1usize..700,
    ) {
        let model = Arc::new(load_model());
        let role_encoder = model.role_encoder(Role::Document);
        let max_tokens = role_encoder.tokenizer.max_content_tokens().unwrap();
        let texts: Vec<String> = (0..).zip(&lengths).map(|(seed, &length)| random_words(length, seed)).collect();
        let windowed = encode_texts(&model, &texts, LongTextPolicy::Window { overlap }, batch_tokens);
        let truncated = encode_texts(&model, &texts, LongTextPolicy::Truncate, batch_tokens);
        for ((text, windowed), truncated) in texts.iter().zip(&windowed).zip(&truncated) {
            let tokens = role_encoder.tokenizer.tokenize_all(text).unwrap();
            prop_assert!(!windowed.truncated);
            if tokens.len() <= max_tokens {
                prop_assert_eq!(windowed, truncated);
                continue;
            }
            let (mut expected, mut count, mut start) = (SparseVector::default(), 0, 0);
            loop {
                let end = (start + max_tokens).min(tokens.len());
                expected = expected.elementwise_max(&encode_alone(role_encoder, &tokens[start..end]));
                count += 1;
                if end == tokens.len() {
                    break;
                }
                start = end - overlap;
            }
            prop_assert_eq!(&windowed.vector, &expected);
            prop_assert_eq!(windowed.windows, count);
            // Each window except the first begins with an overlap, and each has [CLS] and [SEP].
            prop_assert_eq!(windowed.tokens, tokens.len() + (count - 1) * overlap + 2 * count);
            prop_assert_eq!((truncated.windows, truncated.truncated), (1, true));
        }
    }
}

fn new_windowed_job(model: &Arc<Model>, log: &Log, name: &str, text: &str) -> EncodeJob {
    EncodeJob { long_text: LongTextPolicy::Window { overlap: 32 }, ..new_job(model, log, name, text) }
}

/// Returns a text of about fifty windows.
fn long_text(first: &str) -> String {
    format!("{first} {}", "the moon and the sea ".repeat(900))
}

#[tokio::test]
async fn windows_are_batched_and_do_not_delay_earlier_texts() {
    let log = Log::default();
    let encoder = Arc::new(FakeEncoder::default());
    let model = fake_model(Arc::clone(&encoder));
    let new_job = |text: &str| new_windowed_job(&model, &log, text.split(' ').next().unwrap(), text);
    let bulk = vec![new_job("flow"), new_job(&long_text("body")), new_job("wing")];
    let (lane, worker) = fill_lanes(Vec::new(), bulk, 300).await;
    drop(lane);
    run(worker);
    assert_eq!(*log.lock().unwrap(), ["flow: encoded", "body: encoded", "wing: encoded"]);
    let batch_tokens = encoder.batch_tokens.lock().unwrap();
    assert!(batch_tokens.len() > 20 && batch_tokens.iter().all(|&tokens| tokens <= 300), "{batch_tokens:?}");
}

/// In either lane, a query that arrives after the first batch of windows is answered long before the last.
#[tokio::test]
async fn a_query_does_not_wait_for_windows() {
    for in_bulk in [true, false] {
        let log = Log::default();
        let encoder = Arc::new(FakeEncoder::default());
        let model = fake_model(Arc::clone(&encoder));
        let text = new_windowed_job(&model, &log, "body", &long_text("body"));
        let (query, bulk) = if in_bulk { (vec![], vec![text]) } else { (vec![text], vec![]) };
        let (lane, worker) = fill_lanes(query, bulk, 512).await;
        let query = new_job(&model, &log, "wing", "wing");
        let runtime = tokio::runtime::Handle::current();
        *encoder.on_first_batch.lock().unwrap() = Some(Box::new(move || runtime.block_on(lane.send(query)).unwrap()));
        tokio::task::spawn_blocking(|| run(worker)).await.unwrap();
        assert_eq!(*log.lock().unwrap(), ["wing: encoded", "body: encoded"], "in the bulk lane: {in_bulk}");
        assert!(encoder.batch_tokens.lock().unwrap().len() > 10);
    }
}

#[tokio::test]
async fn windows_of_an_abandoned_text_are_not_encoded() {
    let log = Log::default();
    let encoder = Arc::new(FakeEncoder::default());
    let model = fake_model(Arc::clone(&encoder));
    let abandoned = Arc::new(AtomicBool::new(false));
    let probe = LogProbe {
        name: "body".to_owned(),
        log: Arc::clone(&log),
        abandoned: Arc::clone(&abandoned),
        on_complete: None,
    };
    let next_stage = NextStage::Probe(Box::new(probe));
    let text = EncodeJob { next_stage, ..new_windowed_job(&model, &log, "body", &long_text("body")) };
    *encoder.on_first_batch.lock().unwrap() = Some(Box::new(move || abandoned.store(true, Ordering::SeqCst)));
    let (lane, worker) = fill_lanes(Vec::new(), vec![text, new_job(&model, &log, "wing", "wing")], 512).await;
    drop(lane);
    run(worker);
    assert_eq!(*log.lock().unwrap(), ["wing: encoded"]);
    assert_eq!(encoder.batch_tokens.lock().unwrap().len(), 2, "one batch of windows, one of the other text");
}

#[tokio::test]
async fn a_text_with_a_window_that_the_encoder_panics_on_is_rejected_alone() {
    let log = Log::default();
    let panic_token = token_id(&fake_model(Arc::default()), "body");
    let model = fake_model(Arc::new(FakeEncoder { panic_token: Some(panic_token), ..FakeEncoder::default() }));
    let texts = [long_text("flow"), long_text("wing") + "body", long_text("sea")];
    let new_job = |text: &String| new_windowed_job(&model, &log, text.split(' ').next().unwrap(), text);
    let bulk = texts.iter().map(new_job).collect();
    let (lane, worker) = fill_lanes(Vec::new(), bulk, 512).await;
    drop(lane);
    run(worker);
    assert_eq!(*log.lock().unwrap(), ["flow: encoded", "wing: INTERNAL", "sea: encoded"]);
}

/// Invariant: a text is rejected if the vector of one of its windows is not finite; other texts are not affected.
#[tokio::test]
async fn a_window_without_a_finite_vector_rejects_its_text() {
    let log = Log::default();
    let bad = token_id(&fake_model(Arc::default()), "body");
    let model = fake_model(Arc::new(FakeEncoder { non_finite_token: Some(bad), ..FakeEncoder::default() }));
    let new_long_job = |name: &str, last: &str| {
        let text = format!("{name} {} {last}", "flow ".repeat(500));
        EncodeJob { long_text: LongTextPolicy::Window { overlap: 3 }, ..new_job(&model, &log, name, &text) }
    };
    let bulk = vec![new_long_job("flow", "moon"), new_long_job("wing", "body"), new_job(&model, &log, "moon", "moon")];
    let (lane, worker) = fill_lanes(Vec::new(), bulk, 512).await;
    drop(lane);
    run(worker);
    let mut log = log.lock().unwrap().clone();
    log.sort();
    assert_eq!(log, ["flow: encoded", "moon: encoded", "wing: ENCODING_FAILED"]);
}
