//! Deterministic simulation of the embedded store. Checks these properties: confirmed changes are in effect after any
//! crash, refused changes are not, later changes win over earlier ones, and digests never report a state that a crash would
//! revert.
//!
//! The real writer, journal and repair run on a scripted engine (simulated_engine.rs). Every step is drawn from a seeded
//! generator, so a failing run is reproducible: `SPLADE_SIMULATION_SEED=… cargo test --lib edge::simulation`.
//! `SPLADE_SIMULATION_STEPS` sets the number of steps.
//!
//! See docs/adr/0034-deterministic-simulation.md.

mod script;
mod simulated_engine;
mod split_mix64;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::resume_unwind;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{env, thread};

use parking_lot::Mutex;
use qdrant_edge::PointId;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use self::script::{ApplyFault, FlushFault, OptimizeOutcome, Script};
pub(super) use self::simulated_engine::simulated_point;
use self::simulated_engine::{Crash, Disk, SimulatedEngine, point_value};
use self::split_mix64::SplitMix64;
use super::durability::DurabilityTracker;
use super::journal::Journal;
use super::optimize::OptimizeState;
use super::point_change::PointChange;
use super::repair::recover;
use super::writer::{CollectionWriter, WriteRequest, WriterMessage};
use crate::panics::{Panic, catch};

/// Number of point ids; small, so that changes of the same point are frequent.
const IDS: u64 = 5;
/// Steps per seed, on one directory.
const STEPS: u64 = 150;
/// Total steps if `SPLADE_SIMULATION_STEPS` is not set.
const DEFAULT_STEPS: u64 = 15_000;
/// Number of changed points after which a merge is due.
const OPTIMIZE_AFTER_POINTS: usize = 6;

/// A simulated process that has the store open.
struct Process {
    shard: Arc<SimulatedEngine>,
    durability: Arc<DurabilityTracker>,
    writer: CollectionWriter<SimulatedEngine>,
    _writer_tx: mpsc::Sender<WriterMessage>,
}

/// A simulated store, with the states that each of its points may have.
struct Simulation {
    seed: u64,
    /// Log of the steps, printed if a check fails.
    steps: Vec<String>,
    dice: SplitMix64,
    dir: TempDir,
    disk: Arc<Mutex<Disk>>,
    process: Option<Process>,
    /// Allowed states of each point: the last confirmed one, and those of later changes with an unknown outcome.
    allowed: BTreeMap<u64, BTreeSet<Option<u64>>>,
    values: u64,
    counters: Counters,
}

/// Counters of the events in a run, to check that the simulation covers each kind of event.
#[derive(Debug, Default, Clone, Copy)]
struct Counters {
    confirmed: u64,
    refused: u64,
    unknown: u64,
    out_of_service: u64,
    optimizes: u64,
    failed_optimizes: u64,
    crashes: u64,
    closes: u64,
}

/// Creates a temporary directory, in shared memory if available, where syncs are free.
fn create_temp_dir() -> TempDir {
    let shared_memory = Path::new("/dev/shm");
    if shared_memory.is_dir() { TempDir::new_in(shared_memory) } else { TempDir::new() }.expect("a temporary directory")
}

/// Runs the steps of one seed.
fn run(seed: u64) -> Counters {
    let mut simulation = Simulation::new(seed);
    for _ in 0..STEPS {
        simulation.step();
    }
    simulation.crash();
    simulation.start();
    simulation.counters
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let allowed = (0..IDS).map(|id| (id, BTreeSet::from([None]))).collect();
        let (dice, dir) = (SplitMix64::new(seed), create_temp_dir());
        let counters = Counters::default();
        Self { seed, steps: Vec::new(), dice, dir, disk: Arc::default(), process: None, allowed, values: 0, counters }
    }

    fn step(&mut self) {
        let Some(process) = &self.process else { return self.start() };
        if process.durability.check_in_service().is_err() && self.dice.next_percent(30) {
            return if self.dice.next_percent(50) { self.crash() } else { self.close() };
        }
        let is_optimizing = matches!(process.writer.optimize_state, OptimizeState::Running(_));
        match self.dice.next_below(20) {
            0 => self.crash(),
            1 => self.close(),
            2 => process.shard.check_digests(),
            3..=6 if is_optimizing => self.finish_optimize(),
            _ => self.commit(),
        }
    }

    /// Starts a process like `EdgeCollection::open`, and checks that each point has an allowed state.
    fn start(&mut self) {
        let path = self.dir.path();
        let has_crashed = Journal::exists_in(path);
        let mut journal = Journal::open(path).expect("the journal opens");
        let dice = SplitMix64::new(self.dice.next_below(u64::MAX));
        let shard = Arc::new(SimulatedEngine::open(path, Arc::clone(&self.disk), dice));
        if has_crashed {
            let flush = if self.dice.next_percent(20) { self.random_flush_crash() } else { FlushFault::None };
            shard.set_script(Script { flush, ..Script::default() });
            if !survives(|| recover(&*shard, &mut journal).expect("a repair without faults succeeds")) {
                self.steps.push(format!("crash during the repair at a start: {flush:?}"));
                self.counters.crashes += 1;
                return shard.crash();
            }
        }
        let values = shard.visible_values();
        self.steps.push(format!("start, repaired: {has_crashed}, {values:?}"));
        for (id, allowed) in &mut self.allowed {
            let found = values.get(id).copied();
            assert!(allowed.contains(&found), "after a restart point {id} is {found:?}, allowed: {allowed:?}");
            *allowed = BTreeSet::from([found]);
        }
        assert_eq!(shard.count_all_versions(), values.len(), "after a restart a point has two copies");
        let durability = Arc::<DurabilityTracker>::default();
        shard.enable_reads(Arc::clone(&durability));
        let (writer_tx, writer) =
            CollectionWriter::new(Arc::clone(&shard), journal, Arc::clone(&durability), OPTIMIZE_AFTER_POINTS);
        self.process = Some(Process { shard, durability, writer, _writer_tx: writer_tx });
    }

    fn crash(&mut self) {
        if let Some(process) = self.process.take() {
            process.shard.crash();
            self.counters.crashes += 1;
            self.steps.push("crash".to_owned());
        }
    }

    /// Closes the store; the close succeeds if and only if the collection is in service.
    fn close(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        if matches!(process.writer.optimize_state, OptimizeState::Running(_)) {
            let end = self.random_optimize_outcome();
            process.shard.finish_optimize(end);
        }
        let shard = Arc::clone(&process.shard);
        shard.set_script(Script::default());
        process.writer.finish_optimize(Duration::ZERO);
        let was_in_service = process.durability.check_in_service().is_ok();
        let result = process.writer.finish();
        assert_eq!(result.is_ok(), was_in_service, "{result:?}");
        self.steps.push("close".to_owned());
        self.counters.closes += 1;
    }

    fn random_optimize_outcome(&mut self) -> OptimizeOutcome {
        match self.dice.next_below(5) {
            0 => OptimizeOutcome::FailsWhileBuilding { leaves_output: self.dice.next_percent(50) },
            1 => OptimizeOutcome::FailsToDropOld,
            _ => OptimizeOutcome::Succeeds,
        }
    }

    fn random_flush_crash(&mut self) -> FlushFault {
        [FlushFault::CrashBefore, FlushFault::CrashWithin, FlushFault::CrashAfter][self.dice.next_below(3) as usize]
    }

    fn random_flush_fault(&mut self) -> FlushFault {
        match self.dice.next_below(100) {
            0..=7 => self.random_flush_crash(),
            8..=10 => FlushFault::Fails,
            _ => FlushFault::None,
        }
    }

    fn finish_optimize(&mut self) {
        let (end, flush, is_disk_low) =
            (self.random_optimize_outcome(), self.random_flush_fault(), self.dice.next_percent(20));
        let Some(process) = &mut self.process else { return };
        self.steps.push(format!("merge {end:?}, {flush:?}, disk low: {is_disk_low}"));
        process.shard.set_script(Script { flush, is_disk_low, ..Script::default() });
        process.shard.finish_optimize(end);
        self.counters.optimizes += 1;
        self.counters.failed_optimizes += u64::from(end != OptimizeOutcome::Succeeds);
        process.shard.check_digests();
        if survives(|| process.writer.finish_optimize(Duration::ZERO)) {
            process.shard.check_digests();
        } else {
            self.crash();
        }
    }

    /// Commits one to three changes together, and records their outcomes.
    fn commit(&mut self) {
        let changes: Vec<_> = (0..1 + self.dice.next_below(3)).map(|_| self.random_change()).collect();
        let script = self.random_script(&changes);
        let breaks_journal = self.dice.next_percent(1);
        let Some(process) = &mut self.process else { return };
        self.steps.push(format!("commit, journal breaks: {breaks_journal}, {script:?}"));
        process.shard.set_script(script);
        if breaks_journal {
            process.writer.journal.break_file();
        }
        let (writes, mut receivers): (Vec<_>, Vec<_>) = changes.iter().map(build_write_request).unzip();
        let survived = survives(|| {
            process.writer.commit(writes);
            process.writer.optimize_if_due();
        });
        for (change, receiver) in changes.iter().zip(&mut receivers) {
            let applied = process.shard.has_applied(change);
            let outcome = receiver.try_recv();
            assert!(!survived || outcome != Err(TryRecvError::Closed), "a change was not answered");
            self.steps.push(format!("  {:?}: {outcome:?}, applied: {applied}", list_effects(change)));
            record_outcome(change, matches!(outcome, Ok(Ok(()))), applied, &mut self.allowed, &mut self.counters);
        }
        if !survived {
            return self.crash();
        }
        self.check_visible();
    }

    /// Checks that readers see an allowed state of each point, unless the collection is out of service or needs repair.
    fn check_visible(&mut self) {
        let Some(process) = &self.process else { return };
        process.shard.check_digests();
        if process.durability.check_in_service().is_err() {
            self.counters.out_of_service += 1;
        } else if !matches!(process.writer.optimize_state, OptimizeState::NeedsRepair) {
            let values = process.shard.visible_values();
            for (id, allowed) in &self.allowed {
                let found = values.get(id).copied();
                assert!(allowed.contains(&found), "point {id} is {found:?}, allowed: {allowed:?}");
            }
        }
    }

    fn random_change(&mut self) -> PointChange {
        let ids: Vec<_> = (0..1 + self.dice.next_below(3)).map(|_| self.dice.next_below(IDS)).collect();
        if self.dice.next_percent(35) {
            return PointChange::Delete(ids.into_iter().map(PointId::NumId).collect());
        }
        let points = ids.into_iter().map(|id| {
            self.values += 1;
            simulated_point(id, self.values)
        });
        PointChange::Upsert(points.collect())
    }

    fn random_script(&mut self, changes: &[PointChange]) -> Script {
        let mut script =
            Script { is_disk_low: self.dice.next_percent(8), flush: self.random_flush_fault(), ..Script::default() };
        script.crashes_after_journal = self.dice.next_percent(3);
        for change in changes {
            match self.dice.next_below(10) {
                0 => script.changes.push((change.clone(), ApplyFault::Refused)),
                1 => {
                    let points = self.dice.next_below(change.len() as u64) as usize;
                    script.changes.push((change.clone(), ApplyFault::PartialAfter(points)));
                }
                _ => {}
            }
        }
        script
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("{}", self.steps.join("\n"));
            eprintln!("SPLADE_SIMULATION_SEED={} SPLADE_SIMULATION_STEPS={STEPS} reproduces this failure", self.seed);
        }
    }
}

/// Runs `work`, and returns whether the simulated process survived it.
fn survives(work: impl FnOnce()) -> bool {
    match catch(work).map_err(Panic::into_payload) {
        Ok(()) => true,
        Err(panic) if panic.is::<Crash>() => false,
        Err(panic) => resume_unwind(panic),
    }
}

type WriteReceiver = oneshot::Receiver<Result<(), crate::store::StoreError>>;

fn build_write_request(change: &PointChange) -> (WriteRequest, WriteReceiver) {
    let (reply, receiver) = oneshot::channel();
    (WriteRequest { change: change.clone(), reply }, receiver)
}

/// Returns the points of a change with their new values; `None` for deleted points.
fn list_effects(change: &PointChange) -> Vec<(u64, Option<u64>)> {
    let number = |id| match id {
        PointId::NumId(number) => number,
        PointId::Uuid(uuid) => panic!("{uuid} is no number"),
    };
    match change {
        PointChange::Upsert(points) => {
            points.iter().map(|point| (number(point.id), Some(point_value(point)))).collect()
        }
        PointChange::Delete(ids) => ids.iter().map(|&id| (number(id), None)).collect(),
    }
}

/// Updates the allowed states of a change's points, and the counters.
fn record_outcome(
    change: &PointChange,
    is_confirmed: bool,
    has_applied: bool,
    allowed: &mut BTreeMap<u64, BTreeSet<Option<u64>>>,
    counters: &mut Counters,
) {
    let counter = match (is_confirmed, has_applied) {
        (true, _) => &mut counters.confirmed,
        (false, true) => &mut counters.unknown,
        (false, false) => &mut counters.refused,
    };
    *counter += 1;
    for (id, value) in list_effects(change) {
        let allowed = allowed.entry(id).or_default();
        if is_confirmed {
            allowed.clear();
        }
        if is_confirmed || has_applied {
            allowed.insert(value);
        }
    }
}

#[test]
fn confirmed_changes_survive_every_crash_and_refused_ones_never_appear() {
    let number = |variable: &str| env::var(variable).ok().map(|text| text.parse::<u64>().expect("a number"));
    let now = || SystemTime::UNIX_EPOCH.elapsed().map_or(0, |now| now.as_micros() as u64);
    let first = number("SPLADE_SIMULATION_SEED").unwrap_or_else(now);
    let runs = number("SPLADE_SIMULATION_STEPS").unwrap_or(DEFAULT_STEPS).div_ceil(STEPS);
    let mut totals = Counters::default();
    for seed in first..first + runs {
        totals.add(run(seed));
    }
    println!("{runs} runs from seed {first}: {totals:?}");
    let Counters {
        confirmed,
        refused,
        unknown,
        out_of_service,
        optimizes: merges,
        failed_optimizes: failed_merges,
        crashes,
        closes,
    } = totals;
    let rarest =
        [confirmed, refused, unknown, out_of_service, merges, failed_merges, crashes, closes].into_iter().min();
    assert!(runs < 100 || rarest > Some(0), "some kind of event never occurred: {totals:?}");
}

/// Regression seeds, with the bugs that each one detects:
/// - 1: digests of unflushed points; a journal entry for a refused change; service after a failed flush; digests of points
///   that a failed merge shows again
/// - 2: the repair after a failed merge clears the journal
/// - 3: a deletion is journaled after the flush
/// - 4: a partially applied change is journaled as fully applied
/// - 11: an upsert is journaled before the flush
/// - 17: a partially applied change is not journaled
#[test]
fn regression_seeds_find_no_faults() {
    for seed in [1, 2, 3, 4, 11, 17] {
        run(seed);
    }
}

impl Counters {
    fn add(&mut self, other: Self) {
        self.confirmed += other.confirmed;
        self.refused += other.refused;
        self.unknown += other.unknown;
        self.out_of_service += other.out_of_service;
        self.optimizes += other.optimizes;
        self.failed_optimizes += other.failed_optimizes;
        self.crashes += other.crashes;
        self.closes += other.closes;
    }
}
