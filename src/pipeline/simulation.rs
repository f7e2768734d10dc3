//! A deterministic simulation of the pipeline and its store.
//!
//! The real pipeline runs on a clock that is simulated, with encoders and a store that a seed scripts: delays, outages,
//! refusals, writes that land after their call has failed, flushes that fail, kills. Clients stream, upsert and delete a
//! few ids, and give up now and then. An [`Oracle`] knows which of the changes a store may hold. A failure prints its
//! seed, which runs just the same again.
//!
//! See docs/adr/0034-deterministic-simulation.md.

mod clients;
mod oracle;
mod store;

use std::panic::resume_unwind;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossbeam_channel::Receiver;
use tokio::time::{sleep, timeout};

use super::encoder_pool::{EncodeJob, EncodedVector, EncoderPool};
use super::lane::{Lane, QueuedItem};
use super::testing::TestRng;
use super::urgency::{BULK_LANE, QUERY_LANE, Urgency};
use super::{EncoderPoolConfig, Pipeline, PipelineConfig, WriterConfig};
use crate::model::{Backend, Model};
use crate::panics::catch;
use crate::types::SparseVector;
use oracle::Oracle;
use store::{SimStore, StoreKind};

/// Seeds that found a bug once, with the bug.
const SEEDS: &[(u64, &str)] = &[
    (0, "the ids in flight were those of one stream"),
    (0, "a change did not wait for those of its id before it"),
    (2, "a delete went past batches and retries"),
    (4, "an id was free while its write of unknown outcome could still land"),
    (4, "a retry-after overflowed the clock"),
    (5, "a delete of unknown outcome freed its ids at once"),
    (16, "a digest was read that was not durable, after a flush had failed"),
    (270, "a point that nobody waited for any more freed its id while it could still land"),
];

/// How many steps are simulated where `SPLADE_SIMULATION_STEPS` doesn't say.
const STEPS: u64 = 1_000_000;

/// What one run is made of.
struct World {
    pipeline: Pipeline,
    store: Arc<SimStore>,
    oracle: Arc<Oracle>,
    model: Arc<Model>,
}

#[test]
fn seeds_that_found_a_bug() {
    for (seed, bug) in SEEDS {
        println!("{bug}");
        run(*seed);
    }
}

/// Law: for each id the store ends up with the changes in the order in which they were accepted; nothing is confirmed
/// that a kill at that instant would undo; a refused change leaves no trace; every document gets one result.
#[test]
fn confirmed_stays_confirmed() {
    let number = |variable: &str| std::env::var(variable).ok().map(|value| value.parse::<u64>().unwrap());
    if let Some(seed) = number("SPLADE_SIMULATION_SEED") {
        run(seed);
        return;
    }
    let (wanted, mut steps, mut seed) = (number("SPLADE_SIMULATION_STEPS").unwrap_or(STEPS), 0, 0);
    while steps < wanted {
        steps += run(seed);
        seed += 1;
    }
    println!("{steps} steps of {seed} runs");
}

/// Runs one seed and says how many steps it took.
fn run(seed: u64) -> u64 {
    let outcome = catch(|| simulate(seed));
    outcome.unwrap_or_else(|panic| {
        println!("SPLADE_SIMULATION_SEED={seed} runs this again");
        resume_unwind(panic.into_payload())
    })
}

fn simulate(seed: u64) -> u64 {
    fastrand::seed(seed);
    let mut rng = TestRng(seed);
    let kind = rng.choose(&[StoreKind::Remote, StoreKind::Embedded]);
    let oracle = Arc::new(Oracle::default());
    let max_in_flight = rng.choose(&[1, 2, 4]);
    let store = Arc::new(SimStore::new(kind, TestRng(rng.below(u64::MAX)), Arc::clone(&oracle), max_in_flight));
    // The process is killed and started again, and at last it ends in order.
    for _ in 0..rng.below(3) {
        let after = Duration::from_millis(rng.below(30_000));
        let killed = run_process(&store, &oracle, &mut rng, max_in_flight, Some(after));
        if killed {
            store.kill();
        }
        oracle.check_all(&store.durable());
    }
    run_process(&store, &oracle, &mut rng, max_in_flight, None);
    oracle.check_all(&store.durable());
    oracle.steps()
}

/// Runs a process with its clients, until it is done or, if it is to be killed, for so long. Says whether it was killed.
fn run_process(
    store: &Arc<SimStore>,
    oracle: &Arc<Oracle>,
    rng: &mut TestRng,
    max_in_flight: usize,
    kill_after: Option<Duration>,
) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let config = draw_config(rng, max_in_flight);
    let process = async {
        let (query, queries) = Lane::new(QUERY_LANE, config.encoders.lane_capacity);
        let (bulk, bulks) = Lane::new(BULK_LANE, config.encoders.lane_capacity);
        let pool = EncoderPool { query, bulk, threads: 0 };
        let (pipeline, running) = Pipeline::with_encoder_pool(pool, Vec::new(), config, Arc::clone(store) as _);
        for lane in [queries, bulks] {
            tokio::spawn(encode(lane, TestRng(rng.below(u64::MAX))));
        }
        let world = World { pipeline, store: Arc::clone(store), oracle: Arc::clone(oracle), model: load_model() };
        let clients = (0..1 + rng.below(4)).map(|_| clients::run(&world, TestRng(rng.below(u64::MAX))));
        futures_util::future::join_all(clients.collect::<Vec<_>>()).await;
        let World { pipeline, .. } = world;
        let permits =
            [Urgency::Bulk, Urgency::Interactive].map(|urgency| pipeline.inner.documents.permits_for(urgency).clone());
        drop(pipeline);
        running.wait_drained().await;
        assert!(permits.iter().all(|permits| permits.held_permits() == 0), "a permit is lost");
        store.wait_landed().await;
    };
    runtime.block_on(async {
        // Longer than any run takes: what hangs is found.
        let at_most = kill_after.unwrap_or(Duration::from_secs(100_000));
        let ended = timeout(at_most, process).await.is_ok();
        assert!(ended || kill_after.is_some(), "it hangs");
        oracle.check();
        oracle.killed();
        !ended
    })
}

fn draw_config(rng: &mut TestRng, max_in_flight: usize) -> PipelineConfig {
    let writer = WriterConfig {
        max_batch_bytes: rng.choose(&[1, 100, 10_000]),
        max_batch_age: Duration::from_millis(100),
        max_in_flight,
        retry_timeout: Duration::from_secs(10),
    };
    PipelineConfig {
        encoders: EncoderPoolConfig { threads: 0, max_batch_tokens: 1, lane_capacity: rng.choose(&[1, 4]) },
        writer,
        max_documents: rng.choose(&[2, 8]),
        max_bytes: 1_000,
        max_interactive: rng.choose(&[4, 8]),
    }
}

/// A model whose encoder is never asked: the simulation encodes.
fn load_model() -> Arc<Model> {
    static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
    let load = || {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/bert-random-tied");
        Arc::new(Model::load("fake", &directory, &Backend::default()).unwrap())
    };
    Arc::clone(MODEL.get_or_init(load))
}

/// Encodes what comes through a lane, several texts at once, each in a time of its own.
async fn encode(lane: Receiver<QueuedItem<EncodeJob>>, mut rng: TestRng) {
    loop {
        match lane.try_recv() {
            Ok(queued) => {
                let (job, time) = (queued.dequeue(), draw_delay(&mut rng));
                tokio::spawn(async move {
                    sleep(time).await;
                    let EncodeJob { next_stage: next, text, .. } = job;
                    if !next.is_abandoned() {
                        let vector = SparseVector::new(vec![7], vec![1.0]).unwrap();
                        next.complete(text, Ok(EncodedVector { vector, ..EncodedVector::default() }));
                    }
                });
            }
            Err(error) if error.is_disconnected() => return,
            Err(_) => sleep(Duration::from_millis(1 + rng.below(20))).await,
        }
    }
}

/// A time that something takes: mostly none, sometimes longer than anybody expects.
fn draw_delay(rng: &mut TestRng) -> Duration {
    Duration::from_millis(rng.choose(&[0, 0, 0, 1, 2, 7, 30, 90, 110, 700, 4_000]))
}
