//! Long texts as windows, on one encoder thread.

use proptest::prelude::*;

use super::*;
use crate::pipeline::encoder_pool::Timings;

/// Keeps what became of each text.
struct Keep {
    number: usize,
    kept: Arc<Mutex<Vec<Option<EncodedVector>>>>,
}

impl Probe for Keep {
    fn is_abandoned(&self) -> bool {
        false
    }

    fn complete(self: Box<Self>, _text: String, outcome: Result<EncodedVector, ApiError>) {
        self.kept.lock().unwrap()[self.number] = Some(outcome.unwrap());
    }
}

/// What the thread makes of texts that wait together, but for the time that it took, which is never the same.
fn encoded(model: &Arc<Model>, texts: &[String], long_text: LongTextPolicy, batch_tokens: usize) -> Vec<EncodedVector> {
    let kept = Arc::new(Mutex::new(vec![None; texts.len()]));
    let jobs = texts.iter().enumerate().map(|(number, text)| {
        let next = NextStage::Probe(Box::new(Keep { number, kept: Arc::clone(&kept) }));
        let (model, role, pruning) = (Arc::clone(model), Role::Document, Pruning::default());
        EncodeJob {
            model,
            role,
            text: text.clone(),
            long_text,
            pruning,
            origin: JobOrigin::current(),
            next_stage: next,
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (lane, worker) = runtime.block_on(filled(Vec::new(), jobs.collect(), batch_tokens));
    drop(lane);
    run(worker);
    let kept = std::mem::take(&mut *kept.lock().unwrap());
    let kept = kept.into_iter().map(Option::unwrap);
    let timeless = kept.map(|encoded| {
        assert!(
            !encoded.timings.tokenize_time.is_zero() && !encoded.timings.encode_time.is_zero(),
            "{:?}",
            encoded.timings
        );
        EncodedVector { timings: Timings::default(), ..encoded }
    });
    timeless.collect()
}

/// The vector of some tokens of a text, encoded as a batch of their own.
fn alone(side: &RoleEncoder, tokens: &[u32]) -> SparseVector {
    let sequence = side.tokenizer.build_sequence(tokens).unwrap();
    side.encoder
        .encode(&TokenBatch::from_iter([sequence.as_slice()]), &mut YieldPoint::none())
        .unwrap()
        .remove(0)
        .unwrap()
}

fn words(count: usize, seed: usize) -> String {
    const WORDS: [&str; 7] = ["moon", "sea", "body", "the", "wing", "heat", "flow"];
    (0..count).map(|at| WORDS[(at * at + seed * 3 + at) % 7].to_owned() + " ").collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// Law: a long text's vector has, of each term, the largest weight of its windows encoded alone, to the bit; whatever
    /// its neighbours, and whatever fits into a batch. A text that fits is encoded as it would be without windows.
    #[test]
    fn a_windowed_text_is_the_maximum_of_its_windows(
        lengths in prop::collection::vec(prop_oneof![1usize..30, 100usize..400], 1..5),
        overlap in 0usize..126,
        batch_tokens in 1usize..700,
    ) {
        let model = Arc::new(loaded());
        let side = model.role_encoder(Role::Document);
        let room = side.tokenizer.max_content_tokens().unwrap();
        let texts: Vec<String> = (0..).zip(&lengths).map(|(seed, &length)| words(length, seed)).collect();
        let windowed = encoded(&model, &texts, LongTextPolicy::Window { overlap }, batch_tokens);
        let cut = encoded(&model, &texts, LongTextPolicy::Truncate, batch_tokens);
        for ((text, windowed), cut) in texts.iter().zip(&windowed).zip(&cut) {
            let tokens = side.tokenizer.tokenize_all(text).unwrap();
            prop_assert!(!windowed.truncated);
            if tokens.len() <= room {
                prop_assert_eq!(windowed, cut);
                continue;
            }
            let (mut expected, mut count, mut start) = (SparseVector::default(), 0, 0);
            loop {
                let end = (start + room).min(tokens.len());
                expected = expected.elementwise_max(&alone(side, &tokens[start..end]));
                count += 1;
                if end == tokens.len() {
                    break;
                }
                start = end - overlap;
            }
            prop_assert_eq!(&windowed.vector, &expected);
            prop_assert_eq!(windowed.windows, count);
            // Each window but the first begins with an overlap, and all have [CLS] and [SEP].
            prop_assert_eq!(windowed.tokens, tokens.len() + (count - 1) * overlap + 2 * count);
            prop_assert_eq!((cut.windows, cut.truncated), (1, true));
        }
    }
}

fn windowed(model: &Arc<Model>, log: &Log, name: &str, text: &str) -> EncodeJob {
    EncodeJob { long_text: LongTextPolicy::Window { overlap: 32 }, ..job(model, log, name, text) }
}

/// About fifty windows.
fn long(first: &str) -> String {
    format!("{first} {}", "the moon and the sea ".repeat(900))
}

#[tokio::test]
async fn windows_go_in_batches_and_hold_up_nothing_before_them() {
    let log = Log::default();
    let encoder = Arc::new(Fake::default());
    let model = model(Arc::clone(&encoder));
    let of = |text: &str| windowed(&model, &log, text.split(' ').next().unwrap(), text);
    let (lane, worker) = filled(Vec::new(), vec![of("flow"), of(&long("body")), of("wing")], 300).await;
    drop(lane);
    run(worker);
    assert_eq!(*log.lock().unwrap(), ["flow: encoded", "body: encoded", "wing: encoded"]);
    let batches = encoder.batches.lock().unwrap();
    assert!(batches.len() > 20 && batches.iter().all(|&tokens| tokens <= 300), "{batches:?}");
}

/// In either lane: a query that comes after the first batch of windows is answered long before the last.
#[tokio::test]
async fn a_query_does_not_wait_for_windows() {
    for in_bulk in [true, false] {
        let log = Log::default();
        let encoder = Arc::new(Fake::default());
        let model = model(Arc::clone(&encoder));
        let text = windowed(&model, &log, "body", &long("body"));
        let (query, bulk) = if in_bulk { (vec![], vec![text]) } else { (vec![text], vec![]) };
        let (lane, worker) = filled(query, bulk, 512).await;
        let query = job(&model, &log, "wing", "wing");
        let runtime = tokio::runtime::Handle::current();
        *encoder.first.lock().unwrap() = Some(Box::new(move || runtime.block_on(lane.send(query)).unwrap()));
        tokio::task::spawn_blocking(|| run(worker)).await.unwrap();
        assert_eq!(*log.lock().unwrap(), ["wing: encoded", "body: encoded"], "in the bulk lane: {in_bulk}");
        assert!(encoder.batches.lock().unwrap().len() > 10);
    }
}

#[tokio::test]
async fn windows_end_when_nobody_waits_for_them_any_more() {
    let log = Log::default();
    let encoder = Arc::new(Fake::default());
    let model = model(Arc::clone(&encoder));
    let abandoned = Arc::new(AtomicBool::new(false));
    let note = Note { name: "body".to_owned(), log: Arc::clone(&log), abandoned: Arc::clone(&abandoned), then: None };
    let text =
        EncodeJob { next_stage: NextStage::Probe(Box::new(note)), ..windowed(&model, &log, "body", &long("body")) };
    *encoder.first.lock().unwrap() = Some(Box::new(move || abandoned.store(true, Ordering::SeqCst)));
    let (lane, worker) = filled(Vec::new(), vec![text, job(&model, &log, "wing", "wing")], 512).await;
    drop(lane);
    run(worker);
    assert_eq!(*log.lock().unwrap(), ["wing: encoded"]);
    assert_eq!(encoder.batches.lock().unwrap().len(), 2, "one of the windows, one of the other text");
}

#[tokio::test]
async fn a_text_with_a_window_that_the_encoder_panics_on_is_refused_alone() {
    let log = Log::default();
    let bad = token(&model(Arc::default()), "body");
    let model = model(Arc::new(Fake { bad: Some(bad), ..Fake::default() }));
    let texts = [long("flow"), long("wing") + "body", long("sea")];
    let bulk = texts.iter().map(|text| windowed(&model, &log, text.split(' ').next().unwrap(), text)).collect();
    let (lane, worker) = filled(Vec::new(), bulk, 512).await;
    drop(lane);
    run(worker);
    assert_eq!(*log.lock().unwrap(), ["flow: encoded", "wing: INTERNAL", "sea: encoded"]);
}

/// Law: a text of which one window has no finite vector has none, and its neighbours are not touched by that.
#[tokio::test]
async fn a_window_without_a_finite_vector_leaves_its_text_without_one() {
    let log = Log::default();
    let bad = token(&model(Arc::default()), "body");
    let model = model(Arc::new(Fake { not_finite: Some(bad), ..Fake::default() }));
    let long = |name: &str, last: &str| {
        let text = format!("{name} {} {last}", "flow ".repeat(500));
        EncodeJob { long_text: LongTextPolicy::Window { overlap: 3 }, ..job(&model, &log, name, &text) }
    };
    let bulk = vec![long("flow", "moon"), long("wing", "body"), job(&model, &log, "moon", "moon")];
    let (lane, worker) = filled(Vec::new(), bulk, 512).await;
    drop(lane);
    run(worker);
    let mut log = log.lock().unwrap().clone();
    log.sort();
    assert_eq!(log, ["flow: encoded", "moon: encoded", "wing: ENCODING_FAILED"]);
}
