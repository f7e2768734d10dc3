//! The one thread that changes a collection.
//!
//! It applies the writes that wait, one after another, makes them durable by one flush, and only then answers each:
//! the more wait, the less of a flush each of them costs. Now and then it starts a merge of segments on another thread;
//! writes and reads go on meanwhile.
//!
//! It ends when the last sender is gone, after what was sent has been answered.
//!
//! See docs/adr/0032-embedded-confirm-after-flush.md.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use qdrant_edge::PointId;
use tokio::sync::{mpsc, oneshot};

use super::apply_error::ApplyError;
use super::durability::DurabilityTracker;
use super::journal::Journal;
use super::journal_entry::JournalEntry;
use super::net_changes::NetChanges;
use super::optimize::OptimizeState;
use super::point_change::PointChange;
use super::repair::repair;
use super::shard_engine::ShardEngine;
use crate::store::StoreError;

/// How many messages may wait for a writer. A caller waits where there are more.
const CHANNEL_CAPACITY: usize = 16;

/// How long a writer that ends waits for a merge, which can't be broken off. What it leaves behind, the next start
/// puts in order.
const OPTIMIZE_TIMEOUT: Duration = Duration::from_secs(5);

/// A writer's thread. Its result says what could not be put in order at the end.
pub(super) type WriterThread = JoinHandle<Result<(), StoreError>>;

#[derive(Debug)]
pub(super) enum WriterMessage {
    Write(WriteRequest),
    /// A merge has ended.
    OptimizeFinished,
}

/// A change, and where to answer when it is durable.
#[derive(Debug)]
pub(super) struct WriteRequest {
    pub(super) change: PointChange,
    pub(super) reply: oneshot::Sender<Result<(), StoreError>>,
}

/// Where to answer a change, and what became of it in memory.
type AppliedWrite = (oneshot::Sender<Result<(), StoreError>>, Result<(), StoreError>);

/// Changes that become durable together.
#[derive(Debug, Default)]
struct GroupCommit {
    applied: Vec<AppliedWrite>,
    /// For the journal.
    net_changes: NetChanges,
    /// Whether anything was changed in memory.
    has_changes: bool,
}

#[derive(Debug)]
pub(super) struct CollectionWriter<S> {
    shard: Arc<S>,
    pub(super) journal: Journal,
    durability: Arc<DurabilityTracker>,
    receiver: mpsc::Receiver<WriterMessage>,
    /// Weak, for the writer ends when nobody else can send.
    weak_sender: mpsc::WeakSender<WriterMessage>,
    pub(super) optimize_state: OptimizeState,
    /// How many changed points make a merge due, and how many there are since the last one began.
    optimize_after_points: usize,
    points_since_optimize: usize,
}

impl<S: ShardEngine> CollectionWriter<S> {
    pub(super) fn spawn(
        shard: Arc<S>,
        journal: Journal,
        durability: Arc<DurabilityTracker>,
        optimize_after_points: usize,
    ) -> io::Result<(mpsc::Sender<WriterMessage>, WriterThread)> {
        let (sender, writer) = Self::new(shard, journal, durability, optimize_after_points);
        let thread = thread::Builder::new().name("edge-writer".into()).spawn(move || writer.run())?;
        Ok((sender, thread))
    }

    /// A writer without a thread, and the way to it.
    pub(super) fn new(
        shard: Arc<S>,
        journal: Journal,
        durability: Arc<DurabilityTracker>,
        optimize_after_points: usize,
    ) -> (mpsc::Sender<WriterMessage>, Self) {
        let (sender, receiver) = mpsc::channel(CHANNEL_CAPACITY);
        let weak_sender = sender.downgrade();
        let optimize_state = OptimizeState::Idle;
        (
            sender,
            Self {
                shard,
                journal,
                durability,
                receiver,
                weak_sender,
                optimize_state,
                optimize_after_points,
                points_since_optimize: 0,
            },
        )
    }

    fn run(mut self) -> Result<(), StoreError> {
        let mut messages = Vec::with_capacity(CHANNEL_CAPACITY);
        while self.receiver.blocking_recv_many(&mut messages, CHANNEL_CAPACITY) > 0 {
            let mut writes = Vec::with_capacity(messages.len());
            for message in messages.drain(..) {
                match message {
                    WriterMessage::Write(write) => writes.push(write),
                    WriterMessage::OptimizeFinished => self.finish_optimize(Duration::ZERO),
                }
            }
            self.commit(writes);
            self.optimize_if_due();
        }
        self.finish()
    }

    /// Applies writes, makes them durable together, answers each.
    pub(super) fn commit(&mut self, writes: Vec<WriteRequest>) {
        if writes.is_empty() {
            return;
        }
        if let Err(error) = self.check_writable() {
            return writes.into_iter().for_each(|write| send_reply((write.reply, Err(error.clone())), &Ok(())));
        }
        // Before the first is applied, when readers see it.
        self.durability.begin_commit(writes.iter().flat_map(|write| write.change.ids()));
        let mut commit = GroupCommit::default();
        let result = self.apply(writes, &mut commit).and_then(|()| self.make_durable(&commit));
        let result = result.map_err(|error| self.take_out_of_service(&error));
        commit.applied.into_iter().for_each(|applied| send_reply(applied, &result));
    }

    /// Applies writes one after the other.
    fn apply(&mut self, writes: Vec<WriteRequest>, commit: &mut GroupCommit) -> Result<(), StoreError> {
        let mut writes = writes.into_iter();
        while let Some(WriteRequest { change, reply }) = writes.next() {
            let (points, entry) = (change.len(), JournalEntry::from(&change));
            let outcome = self.shard.apply(change);
            let journaled = self.build_journal_entries(entry, &outcome);
            if !matches!(outcome, Err(ApplyError::Refused(_))) {
                self.points_since_optimize = self.points_since_optimize.saturating_add(points);
                commit.has_changes = true;
            }
            commit.applied.push((reply, outcome.map_err(ApplyError::into_error)));
            match journaled {
                Ok(entries) => entries.into_iter().for_each(|entry| commit.net_changes.add(entry)),
                Err(error) => {
                    commit.applied.extend(writes.map(|write| (write.reply, Err(error.clone()))));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Gives the entries of a change for the journal, if that is needed. A change that was refused has none: a repair
    /// would take it for one that was made, and undo a confirmed one before it.
    fn build_journal_entries(
        &self,
        entry: JournalEntry,
        outcome: &Result<(), ApplyError>,
    ) -> Result<Vec<JournalEntry>, StoreError> {
        match outcome {
            Err(ApplyError::Refused(_)) => Ok(Vec::new()),
            _ if self.optimize_state.is_idle() => Ok(Vec::new()),
            Ok(()) => Ok(vec![entry]),
            Err(ApplyError::Partial(_)) => self.read_current_state(&entry.into_ids()),
        }
    }

    /// Entries that say what points are like now: nobody knows which of them a change that failed has changed.
    fn read_current_state(&self, ids: &[PointId]) -> Result<Vec<JournalEntry>, StoreError> {
        let points = self.shard.get_full(ids)?;
        let present: HashSet<_> = points.iter().map(|point| point.id).collect();
        let absent = ids.iter().copied().filter(|id| !present.contains(id)).collect();
        Ok(vec![JournalEntry::Deleted(absent), JournalEntry::Rewriting(points)])
    }

    fn make_durable(&mut self, commit: &GroupCommit) -> Result<(), StoreError> {
        if commit.has_changes {
            self.journal.append(&commit.net_changes.deletion_entries())?;
            self.shard.flush()?;
            self.journal.append(&commit.net_changes.upsert_entries())?;
            self.shard.write_manifest();
        }
        self.durability.end_commit(&commit.net_changes);
        Ok(())
    }

    /// Takes the collection out of service. Gives what to answer for changes that may be durable or not.
    fn take_out_of_service(&self, error: &StoreError) -> StoreError {
        self.durability.take_out_of_service(self.shard.path(), error);
        self.shard.abandon();
        let path = self.shard.path().display();
        StoreError::Interrupted(format!("{error}; the collection in {path} takes no more changes until a restart"))
    }

    /// Refuses changes where none can be made durable, or one could be lost in what a failed merge left.
    fn check_writable(&mut self) -> Result<(), StoreError> {
        self.durability.check_in_service()?;
        match self.optimize_state {
            OptimizeState::NeedsRepair => self.repair(),
            OptimizeState::Idle | OptimizeState::Running(_) | OptimizeState::Failed => Ok(()),
        }
    }

    pub(super) fn optimize_if_due(&mut self) {
        if self.points_since_optimize >= self.optimize_after_points
            && self.optimize_state.is_idle()
            && self.durability.check_in_service().is_ok()
        {
            self.points_since_optimize = 0;
            match self.shard.check_space_to_optimize() {
                Ok(()) => self.optimize_state = self.shard.start_optimize(self.finish_notifier()),
                Err(error) => tracing::warn!(%error, "segments are not merged for now, and writes get slower"),
            }
        }
    }

    /// Returns the callback that tells this writer, if it still runs, that a merge has ended.
    fn finish_notifier(&self) -> impl FnOnce() + Send + 'static {
        let weak_sender = self.weak_sender.clone();
        move || {
            if let Some(sender) = weak_sender.upgrade() {
                let _ = sender.blocking_send(WriterMessage::OptimizeFinished);
            }
        }
    }

    /// Makes durable what a merge did, or undoes the harm of one that failed.
    pub(super) fn finish_optimize(&mut self, timeout: Duration) {
        let Some(result) = self.optimize_state.wait_result(timeout) else { return };
        self.optimize_state = OptimizeState::Failed;
        if self.durability.check_in_service().is_err() {
            return;
        }
        let folder = self.shard.path().display().to_string();
        match result {
            Ok(()) => self.commit_optimize(),
            // The engine then forgets which points were deleted or replaced meanwhile.
            Err(error) => {
                tracing::error!(%folder, %error, "merging segments failed; writes get slower until a restart");
                self.optimize_state = OptimizeState::NeedsRepair;
                if let Err(error) = self.repair() {
                    tracing::error!(%folder, %error, "repair after a merge failed; retried before the next write");
                }
            }
        }
    }

    /// Makes a merge that succeeded durable; what the journal says of the time of the merge is then of no more use.
    fn commit_optimize(&mut self) {
        if let Err(error) = self.shard.flush() {
            self.take_out_of_service(&error);
            return;
        }
        match self.journal.clear() {
            Ok(()) => {
                self.durability.finish_optimize();
                self.optimize_state = OptimizeState::Idle;
            }
            Err(error) => tracing::error!(%error, "journal not cleared; writes get slower until a restart"),
        }
    }

    /// Repairs after a merge that failed. The journal keeps what was deleted: segments that the merge has left on the
    /// disk are opened by the next start.
    fn repair(&mut self) -> Result<(), StoreError> {
        // Out of space is not out of service.
        self.shard.check_free_space()?;
        let result = repair(&*self.shard, &mut self.journal).and_then(|()| self.shard.flush());
        result.map_err(|error| self.take_out_of_service(&error))?;
        self.optimize_state = OptimizeState::Failed;
        Ok(())
    }

    /// Without a merge that runs on or that failed, the collection is in order, and the journal says so.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        self.finish_optimize(OPTIMIZE_TIMEOUT);
        // What is on the disk is unknown: another flush could make it worse, and the next start must repair.
        self.durability.check_in_service()?;
        self.shard.flush()?;
        if !self.optimize_state.is_idle() {
            let folder = self.shard.path().display();
            tracing::info!(%folder, "closed without the end of a merge; the next start repairs the collection");
            return Ok(());
        }
        // Nobody else has the shard any more.
        S::close(self.shard)?;
        self.journal.remove()
    }
}

/// Answers a change. A caller that has gone away needs no answer.
fn send_reply((reply, applied): AppliedWrite, commit_result: &Result<(), StoreError>) {
    let _ = reply.send(applied.and_then(|()| commit_result.clone()));
}
