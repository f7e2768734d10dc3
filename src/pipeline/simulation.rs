//! Deterministic simulation of the pipeline and its store.
//!
//! The real pipeline runs on a simulated clock, with encoders and a store whose behavior is drawn from a seed: delays,
//! outages, refusals, writes that land after their call has failed, flushes that fail, kills. Clients stream, upsert
//! and delete a few ids, and cancel some of their calls. An [`Oracle`] determines which changes the store may contain.
//! A failure prints its seed, which reproduces it exactly.
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

/// Seeds that once found a bug, with a description of the bug.
const SEEDS: &[(u64, &str)] = &[
    (0, "in-flight ids were tracked per stream"),
    (0, "a change did not wait for earlier changes of its id"),
    (2, "a delete overtook batches and retries"),
    (4, "an id was released while its write of unknown outcome could still land"),
    (4, "adding a retry-after duration to the clock overflowed"),
    (5, "a delete of unknown outcome released its ids immediately"),
    (16, "a digest was read that was not durable, after a failed flush"),
    (270, "an abandoned point released its id while it could still land"),
];

/// Number of simulated steps unless `SPLADE_SIMULATION_STEPS` is set.
const STEPS: u64 = 1_000_000;

/// Components of one run.
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

/// Invariants: for each id, the store ends up with the changes in the order of acceptance; a confirmed change survives
/// a kill at any later time; a refused change has no effect; each document gets one result.
#[test]
fn confirmed_changes_survive() {
    let number = |variable: &str| std::env::var(variable).ok().map(|value| value.parse::<u64>().unwrap());
    if let Some(seed) = number("SPLADE_SIMULATION_SEED") {
        run(seed);
        return;
    }
    let (max_steps, mut steps, mut seed) = (number("SPLADE_SIMULATION_STEPS").unwrap_or(STEPS), 0, 0);
    while steps < max_steps {
        steps += run(seed);
        seed += 1;
    }
    println!("{steps} steps of {seed} runs");
}

/// Runs one seed and returns the number of its steps.
fn run(seed: u64) -> u64 {
    let outcome = catch(|| simulate(seed));
    outcome.unwrap_or_else(|panic| {
        println!("SPLADE_SIMULATION_SEED={seed} reproduces this run");
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
    // The process is killed and restarted up to twice, and finally shuts down cleanly.
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

/// Runs a process with its clients until it ends, or until `kill_after`. Returns true if it was killed.
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
        let (pipeline, tasks) = Pipeline::with_encoder_pool(pool, Vec::new(), config, Arc::clone(store) as _);
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
        tasks.wait_drained().await;
        assert!(permits.iter().all(|permits| permits.held_permits() == 0), "a permit was leaked");
        store.wait_landed().await;
    };
    runtime.block_on(async {
        // Longer than any run takes, so that a deadlock is found.
        let time_limit = kill_after.unwrap_or(Duration::from_secs(100_000));
        let ended = timeout(time_limit, process).await.is_ok();
        assert!(ended || kill_after.is_some(), "the pipeline is deadlocked");
        oracle.check();
        oracle.record_killed();
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

/// Returns a model whose encoder is never called, because the simulation encodes.
fn load_model() -> Arc<Model> {
    static MODEL: OnceLock<Arc<Model>> = OnceLock::new();
    let load = || {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/models/bert-random-tied");
        Arc::new(Model::load("fake", &directory, &Backend::default()).unwrap())
    };
    Arc::clone(MODEL.get_or_init(load))
}

/// Encodes the texts of a lane concurrently, each with a random delay.
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

/// Draws a delay: mostly zero, rarely longer than the timeouts.
fn draw_delay(rng: &mut TestRng) -> Duration {
    Duration::from_millis(rng.choose(&[0, 0, 0, 1, 2, 7, 30, 90, 110, 700, 4_000]))
}
