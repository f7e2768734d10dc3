//! An engine of a few points whose disk, faults and death are scripted.
//!
//! It does what repair.rs and engine.rs say of the real one: a change is visible at once and durable by a flush; a
//! flush that is cut short leaves any of the changed points durable, or its new copy beside the old one; while a merge
//! runs, the segments on the disk keep what is deleted or replaced; a merge that fails shows it again, and may leave
//! segments on the disk that only the next start opens; a flush after a failed one damages the files.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crossbeam_channel::{Sender, bounded};
use parking_lot::Mutex;
use qdrant_edge::{Payload, PointId, PointStructPersisted, VectorStructPersisted};
use serde_json::json;

use super::dice::Dice;
use super::script::{ApplyFault, FlushFault, MergeEnd, Script};
use crate::store::StoreError;
use crate::store::edge::apply_error::ApplyError;
use crate::store::edge::change::Change;
use crate::store::edge::durability::DurabilityTracker;
use crate::store::edge::journal::{JOURNAL, Journal};
use crate::store::edge::merge::Merge;
use crate::store::edge::repair::recover;
use crate::store::edge::shard::Shard;

/// What ends a scripted process: it unwinds to the driver.
#[derive(Debug)]
pub(super) struct Crash;

/// A copy of a point; the newest has the highest version.
#[derive(Debug, Clone, PartialEq)]
struct Version {
    number: u64,
    value: u64,
}

type Segment = BTreeMap<u64, Version>;

/// What outlives a process.
#[derive(Debug, Clone, Default)]
pub(super) struct Disk {
    segments: BTreeMap<u32, Segment>,
    segments_made: u32,
    versions: u64,
    is_damaged: bool,
}

impl Disk {
    fn add_segment(&mut self, segment: Segment) -> u32 {
        self.segments_made += 1;
        self.segments.insert(self.segments_made, segment);
        self.segments_made
    }
}

#[derive(Debug)]
struct Merging {
    inputs: Vec<u32>,
    merged: Segment,
    done: Sender<Result<(), StoreError>>,
}

#[derive(Debug)]
struct State {
    memory: BTreeMap<u32, Segment>,
    appendable: u32,
    merging: Option<Merging>,
    has_flush_failed: bool,
    journal_length: u64,
    script: Script,
    /// Changes that changed something in the commit at hand.
    applied: Vec<Change>,
    dice: Dice,
}

#[derive(Debug)]
pub(super) struct Scripted {
    path: PathBuf,
    disk: Arc<Mutex<Disk>>,
    state: Mutex<State>,
    /// Set when the collection is open: digests are then asked for amid changes and flushes.
    durability: OnceLock<Arc<DurabilityTracker>>,
}

fn number(id: PointId) -> u64 {
    match id {
        PointId::NumId(number) => number,
        PointId::Uuid(uuid) => panic!("no point of the simulation has the id {uuid}"),
    }
}

pub(in crate::store::edge) fn point(id: u64, value: u64) -> PointStructPersisted {
    let payload = Payload(json!({ "value": value }).as_object().expect("an object").clone());
    let vector = VectorStructPersisted::Named(Default::default());
    PointStructPersisted { id: PointId::NumId(id), vector, payload: Some(payload) }
}

/// What a point was upserted with.
pub(super) fn value(point: &PointStructPersisted) -> u64 {
    point.payload.as_ref().and_then(|payload| payload.0["value"].as_u64()).expect("a point of the simulation")
}

fn newest(segments: &BTreeMap<u32, Segment>) -> Segment {
    let mut found = Segment::new();
    for (&id, version) in segments.values().flatten() {
        if found.get(&id).is_none_or(|other| other.number < version.number) {
            found.insert(id, version.clone());
        }
    }
    found
}

impl Scripted {
    /// Opens what is on the disk.
    pub(super) fn open(path: &Path, disk: Arc<Mutex<Disk>>, dice: Dice) -> Self {
        let (memory, appendable) = {
            let mut disk = disk.lock();
            assert!(!disk.is_damaged, "the collection can't be opened: a flush after a failed one damaged it");
            let appendable = disk.segments.last_key_value().map(|(&id, _)| id);
            let appendable = appendable.unwrap_or_else(|| disk.add_segment(Segment::new()));
            (disk.segments.clone(), appendable)
        };
        let state = State {
            memory,
            appendable,
            merging: None,
            has_flush_failed: false,
            journal_length: 0,
            script: Script::default(),
            applied: Vec::new(),
            dice,
        };
        Self { path: path.to_owned(), disk, state: Mutex::new(state), durability: OnceLock::new() }
    }

    /// Lets readers in.
    pub(super) fn serve(&self, durability: Arc<DurabilityTracker>) {
        self.durability.set(durability).expect("it is opened once");
    }

    /// Sets the faults of what comes next.
    pub(super) fn set(&self, script: Script) {
        let mut state = self.state.lock();
        state.script = script;
        state.applied.clear();
    }

    /// Whether a change has changed anything since the script was set.
    pub(super) fn has_applied(&self, change: &Change) -> bool {
        self.state.lock().applied.contains(change)
    }

    /// The value of each point that readers see.
    pub(super) fn values(&self) -> BTreeMap<u64, u64> {
        newest(&self.state.lock().memory).into_iter().map(|(id, version)| (id, version.value)).collect()
    }

    /// How many copies of points readers could see.
    pub(super) fn copies(&self) -> usize {
        self.state.lock().memory.values().map(BTreeMap::len).sum()
    }

    /// Ends the merge that runs.
    pub(super) fn end_merge(&self, end: MergeEnd) {
        let (mut state, mut disk) = (self.state.lock(), self.disk.lock());
        let Merging { inputs, mut merged, done } = state.merging.take().expect("a merge runs");
        if let MergeEnd::FailsWhileBuilding { leaves_merged } = end {
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
                if end == MergeEnd::Succeeds {
                    disk.segments.remove(input);
                }
            }
        }
        let result = if end == MergeEnd::Succeeds { Ok(()) } else { Err(StoreError::Failed("merge".to_owned())) };
        done.send(result).expect("the writer has the receiver");
    }

    /// Leaves on the disk what a process that dies now leaves. A merge may have put its segment beside the old ones.
    pub(super) fn die(&self) {
        let (mut state, mut disk) = (self.state.lock(), self.disk.lock());
        if let Some(merging) = state.merging.take()
            && state.dice.below(2) == 0
        {
            disk.add_segment(merging.merged);
        }
    }

    /// Law: of each value that `digests` would report now, a process that dies now leaves that value.
    pub(super) fn check_digests(&self) {
        let Some(durability) = self.durability.get() else { return };
        let read = || Ok(self.values().into_iter().map(|(id, value)| (PointId::NumId(id), value)).collect());
        let Ok(reported) = durability.read_durable(read) else { return };
        let left = self.left_by_a_kill();
        for (id, value) in reported {
            let left = left.get(&number(id));
            assert_eq!(left, Some(&value), "digests reported {value} of point {id:?}, a kill leaves {left:?}");
        }
    }

    /// What a start would find if this process died now; on copies.
    fn left_by_a_kill(&self) -> BTreeMap<u64, u64> {
        let disk = Arc::new(Mutex::new(self.disk.lock().clone()));
        {
            let mut state = self.state.lock();
            let merged = state.merging.as_ref().map(|merging| merging.merged.clone());
            if let Some(merged) = merged
                && state.dice.below(2) == 0
            {
                disk.lock().add_segment(merged);
            }
        }
        let copy = self.path.join("copy");
        fs::create_dir_all(&copy).expect("a directory");
        fs::copy(self.path.join(JOURNAL), copy.join(JOURNAL)).expect("the journal is copied");
        let shard = Self::open(&copy, disk, Dice::new(0));
        let mut journal = Journal::open(&copy).expect("the copied journal opens");
        recover(&shard, &mut journal).expect("the copy is repaired");
        shard.values()
    }

    /// Asks for digests, now and then.
    fn interleave(&self) {
        let asks = self.state.lock().dice.below(4) == 0;
        if asks {
            self.check_digests();
        }
    }

    fn change(&self, id: u64, value: Option<u64>) {
        let mut state = self.state.lock();
        for segment in state.memory.values_mut() {
            segment.remove(&id);
        }
        if let Some(value) = value {
            let mut disk = self.disk.lock();
            disk.versions += 1;
            let version = Version { number: disk.versions, value };
            let appendable = state.appendable;
            state.memory.entry(appendable).or_default().insert(id, version);
        }
    }

    /// Makes changes durable: all, or of each point what the dice say.
    fn write(&self, all: bool) {
        let (mut state, mut disk) = (self.state.lock(), self.disk.lock());
        let frozen: BTreeSet<u32> = state.merging.iter().flat_map(|merging| merging.inputs.iter().copied()).collect();
        let ids: BTreeSet<u64> =
            state.memory.values().chain(disk.segments.values()).flat_map(|it| it.keys().copied()).collect();
        for id in ids {
            let extent = if all { 2 } else { state.dice.below(3) };
            let written = state.memory.iter().filter(|(segment, _)| !frozen.contains(segment));
            for (segment, points) in written {
                let on_disk = disk.segments.entry(*segment).or_default();
                match points.get(&id) {
                    Some(version) if extent > 0 => drop(on_disk.insert(id, version.clone())),
                    // The new copy is durable before the old one is gone.
                    None if extent > 1 => drop(on_disk.remove(&id)),
                    _ => {}
                }
            }
        }
    }
}

fn die() -> ! {
    panic::resume_unwind(Box::new(Crash))
}

impl Shard for Scripted {
    fn path(&self) -> &Path {
        &self.path
    }

    fn check_free_space(&self) -> Result<(), StoreError> {
        match self.state.lock().script.is_disk_low {
            true => Err(StoreError::Failed("the disk is low: free some space".to_owned())),
            false => Ok(()),
        }
    }

    fn apply(&self, change: Change) -> Result<(), ApplyError> {
        self.check_free_space().map_err(ApplyError::Refused)?;
        let failed = || StoreError::Failed("scripted".to_owned());
        let fault = self.state.lock().script.changes.iter().find(|it| it.0 == change).map(|it| it.1);
        if fault == Some(ApplyFault::Refused) {
            return Err(ApplyError::Refused(failed()));
        }
        self.state.lock().applied.push(change.clone());
        let changes: Vec<_> = match &change {
            Change::Upsert(points) => points.iter().map(|it| (number(it.id), Some(value(it)))).collect(),
            Change::Delete(ids) => ids.iter().map(|&id| (number(id), None)).collect(),
        };
        for (index, (id, value)) in changes.into_iter().enumerate() {
            if fault == Some(ApplyFault::PartialAfter(index)) {
                return Err(ApplyError::Partial(failed()));
            }
            self.change(id, value);
            self.interleave();
        }
        Ok(())
    }

    /// This one does not flush when it is dropped.
    fn abandon(&self) {}

    fn flush(&self) -> Result<(), StoreError> {
        self.interleave();
        let fault = {
            let mut state = self.state.lock();
            if state.has_flush_failed {
                self.disk.lock().is_damaged = true;
            }
            state.journal_length = fs::metadata(self.path.join(JOURNAL)).map_or(0, |it| it.len());
            std::mem::take(&mut state.script.flush)
        };
        match fault {
            FlushFault::CrashBefore => die(),
            FlushFault::CrashWithin => {
                self.write(false);
                die();
            }
            FlushFault::CrashAfter => {
                self.write(true);
                die();
            }
            FlushFault::Fails => {
                self.write(false);
                self.state.lock().has_flush_failed = true;
                self.interleave();
                Err(StoreError::Failed("the flush failed".to_owned()))
            }
            FlushFault::None => {
                self.write(true);
                self.interleave();
                Ok(())
            }
        }
    }

    fn record_files(&self) {
        let mut state = self.state.lock();
        if std::mem::take(&mut state.script.crashes_after_journal) {
            let journal = File::options().write(true).open(self.path.join(JOURNAL)).expect("the journal opens");
            let appended = journal.metadata().expect("its length").len() - state.journal_length;
            let length = state.journal_length + state.dice.below(appended + 1);
            journal.set_len(length).expect("it can be cut");
            drop(state);
            die();
        }
    }

    fn check_room_to_merge(&self) -> Result<(), StoreError> {
        self.check_free_space()
    }

    fn start_merge(self: &Arc<Self>, _on_end: impl FnOnce() + Send + 'static) -> Merge {
        let (done, result) = bounded(1);
        let (mut state, mut disk) = (self.state.lock(), self.disk.lock());
        let (inputs, merged) = (state.memory.keys().copied().collect(), newest(&state.memory));
        state.appendable = disk.add_segment(Segment::new());
        let appendable = state.appendable;
        state.memory.insert(appendable, Segment::new());
        state.merging = Some(Merging { inputs, merged, done });
        Merge::Running(result)
    }

    fn ids(&self, from: Option<PointId>, limit: usize) -> Result<(Vec<PointId>, Option<PointId>), StoreError> {
        let mut ids: Vec<_> = self.values().into_keys().map(PointId::NumId).collect();
        ids.retain(|id| from.is_none_or(|from| *id >= from));
        let next = ids.get(limit).copied();
        ids.truncate(limit);
        Ok((ids, next))
    }

    fn copies(&self, ids: &[PointId]) -> Result<usize, StoreError> {
        let state = self.state.lock();
        let of = |segment: &Segment| ids.iter().filter(|&&id| segment.contains_key(&number(id))).count();
        Ok(state.memory.values().map(of).sum())
    }

    fn whole(&self, ids: &[PointId]) -> Result<Vec<PointStructPersisted>, StoreError> {
        let values: HashMap<_, _> = self.values().into_iter().collect();
        let found = ids.iter().filter_map(|&id| Some(point(number(id), *values.get(&number(id))?)));
        Ok(found.collect())
    }

    fn close(shard: Arc<Self>) -> Result<(), StoreError> {
        shard.flush()
    }
}
