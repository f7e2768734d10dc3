//! In-memory engine with a simulated disk, scripted faults and scripted crashes.
//!
//! Models the real engine as described in repair.rs and engine.rs:
//! - a change is visible immediately and durable after a flush;
//! - an interrupted flush makes any subset of the changed points durable, possibly with both the new and the old copy;
//! - during a merge, the segments on disk keep deleted and replaced points;
//! - after a failed merge, these points are visible again, and it may leave segments on disk that only the next start opens;
//! - a flush after a failed flush damages the files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Sender, bounded};
use parking_lot::Mutex;
use qdrant_edge::{Payload, PointId, PointStructPersisted, VectorStructPersisted};
use serde_json::json;

use super::script::{ApplyFault, FlushFault, OptimizeOutcome, Script};
use super::split_mix64::SplitMix64;
use crate::store::StoreError;
use crate::store::edge::apply_error::ApplyError;
use crate::store::edge::durability::DurabilityTracker;
use crate::store::edge::journal::{JOURNAL_FILE, Journal};
use crate::store::edge::optimize::OptimizeState;
use crate::store::edge::point_change::PointChange;
use crate::store::edge::repair::recover;
use crate::store::edge::shard_engine::ShardEngine;

/// Panic payload of a simulated crash, which unwinds to the driver.
#[derive(Debug)]
pub(super) struct Crash;

/// A copy of a point; the newest has the highest version.
#[derive(Debug, Clone, PartialEq)]
struct Version {
    number: u64,
    value: u64,
}

type Segment = BTreeMap<u64, Version>;

/// Simulated disk, which outlives a simulated process.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    segments: BTreeMap<u32, Segment>,
    segments_created: u32,
    last_version: u64,
    is_damaged: bool,
}

impl Disk {
    fn add_segment(&mut self, segment: Segment) -> u32 {
        self.segments_created += 1;
        self.segments.insert(self.segments_created, segment);
        self.segments_created
    }
}

#[derive(Debug)]
struct RunningOptimize {
    inputs: Vec<u32>,
    merged: Segment,
    result_tx: Sender<Result<(), StoreError>>,
}

#[derive(Debug)]
struct EngineState {
    memory: BTreeMap<u32, Segment>,
    appendable: u32,
    optimize: Option<RunningOptimize>,
    has_flush_failed: bool,
    journal_length: u64,
    script: Script,
    /// Changes of the current commit that were applied, at least in part.
    applied: Vec<PointChange>,
    dice: SplitMix64,
}

#[derive(Debug)]
pub(super) struct SimulatedEngine {
    path: PathBuf,
    disk: Arc<Mutex<Disk>>,
    state: Mutex<EngineState>,
    /// Set when the collection is open; digests are then read at random times during changes and flushes.
    durability: OnceLock<Arc<DurabilityTracker>>,
}

fn point_number(id: PointId) -> u64 {
    match id {
        PointId::NumId(number) => number,
        PointId::Uuid(uuid) => panic!("no point of the simulation has the id {uuid}"),
    }
}

pub(in crate::store::edge) fn simulated_point(id: u64, value: u64) -> PointStructPersisted {
    let payload = Payload(json!({ "value": value }).as_object().expect("an object").clone());
    let vector = VectorStructPersisted::Named(Default::default());
    PointStructPersisted { id: PointId::NumId(id), vector, payload: Some(payload) }
}

/// Returns the value that a point was upserted with.
pub(super) fn point_value(point: &PointStructPersisted) -> u64 {
    point.payload.as_ref().and_then(|payload| payload.0["value"].as_u64()).expect("a point of the simulation")
}

fn newest_versions(segments: &BTreeMap<u32, Segment>) -> Segment {
    let mut found = Segment::new();
    for (&id, version) in segments.values().flatten() {
        if found.get(&id).is_none_or(|other| other.number < version.number) {
            found.insert(id, version.clone());
        }
    }
    found
}

impl SimulatedEngine {
    /// Opens the segments on the simulated disk.
    pub(super) fn open(path: &Path, disk: Arc<Mutex<Disk>>, dice: SplitMix64) -> Self {
        let (memory, appendable) = {
            let mut disk = disk.lock();
            assert!(!disk.is_damaged, "the collection can't be opened: a flush after a failed one damaged it");
            let appendable = disk.segments.last_key_value().map(|(&id, _)| id);
            let appendable = appendable.unwrap_or_else(|| disk.add_segment(Segment::new()));
            (disk.segments.clone(), appendable)
        };
        let state = EngineState {
            memory,
            appendable,
            optimize: None,
            has_flush_failed: false,
            journal_length: 0,
            script: Script::default(),
            applied: Vec::new(),
            dice,
        };
        Self { path: path.to_owned(), disk, state: Mutex::new(state), durability: OnceLock::new() }
    }

    /// Enables the random reads of digests.
    pub(super) fn enable_reads(&self, durability: Arc<DurabilityTracker>) {
        self.durability.set(durability).expect("it is opened once");
    }

    /// Sets the faults of the next calls.
    pub(super) fn set_script(&self, script: Script) {
        let mut state = self.state.lock();
        state.script = script;
        state.applied.clear();
    }

    /// Returns whether a change has been applied, at least in part, since the script was set.
    pub(super) fn has_applied(&self, change: &PointChange) -> bool {
        self.state.lock().applied.contains(change)
    }

    /// Returns the value of each point that readers see.
    pub(super) fn visible_values(&self) -> BTreeMap<u64, u64> {
        newest_versions(&self.state.lock().memory).into_iter().map(|(id, version)| (id, version.value)).collect()
    }

    /// Returns the number of copies of points in memory.
    pub(super) fn count_all_versions(&self) -> usize {
        self.state.lock().memory.values().map(BTreeMap::len).sum()
    }

    /// Ends the running merge.
    pub(super) fn finish_optimize(&self, end: OptimizeOutcome) {
        let (mut state, mut disk) = (self.state.lock(), self.disk.lock());
        let RunningOptimize { inputs, mut merged, result_tx } = state.optimize.take().expect("a merge runs");
        if let OptimizeOutcome::FailsWhileBuilding { leaves_output: leaves_merged } = end {
            for input in inputs {
                let frozen = disk.segments[&input].clone();
                state.memory.insert(input, frozen);
            }
            if leaves_merged {
                disk.add_segment(merged);
            }
        } else {
            let id = disk.add_segment(merged.clone());
            let visible: BTreeSet<u64> = inputs.iter().flat_map(|input| state.memory[input].keys().copied()).collect();
            merged.retain(|id, _| visible.contains(id));
            state.memory.insert(id, merged);
            for input in &inputs {
                state.memory.remove(input);
                if end == OptimizeOutcome::Succeeds {
                    disk.segments.remove(input);
                }
            }
        }
        let result =
            if end == OptimizeOutcome::Succeeds { Ok(()) } else { Err(StoreError::Failed("merge".to_owned())) };
        result_tx.send(result).expect("the writer has the receiver");
    }

    /// Crashes the process. A running merge may have written its output beside the old segments.
    pub(super) fn crash(&self) {
        let (mut state, mut disk) = (self.state.lock(), self.disk.lock());
        if let Some(merging) = state.optimize.take()
            && state.dice.next_below(2) == 0
        {
            disk.add_segment(merging.merged);
        }
    }

    /// Checks that each value that a digest read returns now would survive a crash now.
    pub(super) fn check_digests(&self) {
        let Some(durability) = self.durability.get() else { return };
        let read = || Ok(self.visible_values().into_iter().map(|(id, value)| (PointId::NumId(id), value)).collect());
        let Ok(reported) = durability.read_durable(read) else { return };
        let surviving = self.values_after_crash();
        for (id, value) in reported {
            let surviving_value = surviving.get(&point_number(id));
            assert_eq!(
                surviving_value,
                Some(&value),
                "digests reported {value} of point {id:?}, a crash leaves {surviving_value:?}"
            );
        }
    }

    /// Returns the values that a start would find if this process crashed now. Works on copies of disk and journal.
    fn values_after_crash(&self) -> BTreeMap<u64, u64> {
        let disk = Arc::new(Mutex::new(self.disk.lock().clone()));
        {
            let mut state = self.state.lock();
            let merged = state.optimize.as_ref().map(|merging| merging.merged.clone());
            if let Some(merged) = merged
                && state.dice.next_below(2) == 0
            {
                disk.lock().add_segment(merged);
            }
        }
        let copy = self.path.join("copy");
        fs::create_dir_all(&copy).expect("a directory");
        fs::copy(self.path.join(JOURNAL_FILE), copy.join(JOURNAL_FILE)).expect("the journal is copied");
        let shard = Self::open(&copy, disk, SplitMix64::new(0));
        let mut journal = Journal::open(&copy).expect("the copied journal opens");
        recover(&shard, &mut journal).expect("the copy is repaired");
        shard.visible_values()
    }

    /// Checks the digests in a random quarter of the calls.
    fn maybe_check_digests(&self) {
        let should_check = self.state.lock().dice.next_below(4) == 0;
        if should_check {
            self.check_digests();
        }
    }

    fn change_point(&self, id: u64, value: Option<u64>) {
        let mut state = self.state.lock();
        for segment in state.memory.values_mut() {
            segment.remove(&id);
        }
        if let Some(value) = value {
            let mut disk = self.disk.lock();
            disk.last_version += 1;
            let version = Version { number: disk.last_version, value };
            let appendable = state.appendable;
            state.memory.entry(appendable).or_default().insert(id, version);
        }
    }

    /// Makes changes durable: all, or a random part of each point's changes.
    fn write_to_disk(&self, all: bool) {
        let (mut state, mut disk) = (self.state.lock(), self.disk.lock());
        let frozen: BTreeSet<u32> = state.optimize.iter().flat_map(|merging| merging.inputs.iter().copied()).collect();
        let ids: BTreeSet<u64> =
            state.memory.values().chain(disk.segments.values()).flat_map(|it| it.keys().copied()).collect();
        for id in ids {
            let extent = if all { 2 } else { state.dice.next_below(3) };
            let written = state.memory.iter().filter(|(segment, _)| !frozen.contains(segment));
            for (segment, points) in written {
                let on_disk = disk.segments.entry(*segment).or_default();
                match points.get(&id) {
                    Some(version) if extent > 0 => drop(on_disk.insert(id, version.clone())),
                    // The new copy becomes durable before the old one is removed.
                    None if extent > 1 => drop(on_disk.remove(&id)),
                    _ => {}
                }
            }
        }
    }
}

fn unwind_crash() -> ! {
    panic::resume_unwind(Box::new(Crash))
}

impl ShardEngine for SimulatedEngine {
    fn path(&self) -> &Path {
        &self.path
    }

    fn check_free_space(&self) -> Result<(), StoreError> {
        match self.state.lock().script.is_disk_low {
            true => Err(StoreError::Failed("the disk is low: free some space".to_owned())),
            false => Ok(()),
        }
    }

    fn apply(&self, change: PointChange) -> Result<(), ApplyError> {
        self.check_free_space().map_err(ApplyError::Refused)?;
        let failed = || StoreError::Failed("scripted".to_owned());
        let fault = self.state.lock().script.changes.iter().find(|it| it.0 == change).map(|it| it.1);
        if fault == Some(ApplyFault::Refused) {
            return Err(ApplyError::Refused(failed()));
        }
        self.state.lock().applied.push(change.clone());
        let changes: Vec<_> = match &change {
            PointChange::Upsert(points) => {
                points.iter().map(|it| (point_number(it.id), Some(point_value(it)))).collect()
            }
            PointChange::Delete(ids) => ids.iter().map(|&id| (point_number(id), None)).collect(),
        };
        for (index, (id, value)) in changes.into_iter().enumerate() {
            if fault == Some(ApplyFault::PartialAfter(index)) {
                return Err(ApplyError::Partial(failed()));
            }
            self.change_point(id, value);
            self.maybe_check_digests();
        }
        Ok(())
    }

    /// Does nothing, because this engine does not flush when it is dropped.
    fn abandon(&self) {}

    fn flush(&self) -> Result<(), StoreError> {
        self.maybe_check_digests();
        let fault = {
            let mut state = self.state.lock();
            if state.has_flush_failed {
                self.disk.lock().is_damaged = true;
            }
            state.journal_length = fs::metadata(self.path.join(JOURNAL_FILE)).map_or(0, |it| it.len());
            std::mem::take(&mut state.script.flush)
        };
        match fault {
            FlushFault::CrashBefore => unwind_crash(),
            FlushFault::CrashWithin => {
                self.write_to_disk(false);
                unwind_crash();
            }
            FlushFault::CrashAfter => {
                self.write_to_disk(true);
                unwind_crash();
            }
            FlushFault::Fails => {
                self.write_to_disk(false);
                self.state.lock().has_flush_failed = true;
                self.maybe_check_digests();
                Err(StoreError::Failed("the flush failed".to_owned()))
            }
            FlushFault::None => {
                self.write_to_disk(true);
                self.maybe_check_digests();
                Ok(())
            }
        }
    }

    fn write_manifest(&self) {
        let mut state = self.state.lock();
        if std::mem::take(&mut state.script.crashes_after_journal) {
            let journal = File::options().write(true).open(self.path.join(JOURNAL_FILE)).expect("the journal opens");
            let appended = journal.metadata().expect("its length").len() - state.journal_length;
            let length = state.journal_length + state.dice.next_below(appended + 1);
            journal.set_len(length).expect("it can be cut");
            drop(state);
            unwind_crash();
        }
    }

    fn check_space_to_optimize(&self) -> Result<(), StoreError> {
        self.check_free_space()
    }

    fn start_optimize(self: &Arc<Self>, _on_end: impl FnOnce() + Send + 'static) -> OptimizeState {
        let (result_tx, result) = bounded(1);
        let (mut state, mut disk) = (self.state.lock(), self.disk.lock());
        let (inputs, merged) = (state.memory.keys().copied().collect(), newest_versions(&state.memory));
        state.appendable = disk.add_segment(Segment::new());
        let appendable = state.appendable;
        state.memory.insert(appendable, Segment::new());
        state.optimize = Some(RunningOptimize { inputs, merged, result_tx });
        OptimizeState::Running(result)
    }

    fn list_ids(&self, from: Option<PointId>, limit: usize) -> Result<(Vec<PointId>, Option<PointId>), StoreError> {
        let mut ids: Vec<_> = self.visible_values().into_keys().map(PointId::NumId).collect();
        ids.retain(|id| from.is_none_or(|from| *id >= from));
        let next = ids.get(limit).copied();
        ids.truncate(limit);
        Ok((ids, next))
    }

    fn count_versions(&self, ids: &[PointId]) -> Result<usize, StoreError> {
        let state = self.state.lock();
        let count_in = |segment: &Segment| ids.iter().filter(|&&id| segment.contains_key(&point_number(id))).count();
        Ok(state.memory.values().map(count_in).sum())
    }

    fn get_full(&self, ids: &[PointId]) -> Result<Vec<PointStructPersisted>, StoreError> {
        let values: HashMap<_, _> = self.visible_values().into_iter().collect();
        let found =
            ids.iter().filter_map(|&id| Some(simulated_point(point_number(id), *values.get(&point_number(id))?)));
        Ok(found.collect())
    }

    fn close(shard: Arc<Self>) -> Result<(), StoreError> {
        shard.flush()
    }
}
