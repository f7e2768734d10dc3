//! Writer thread of a collection; the only thread that changes it.
//!
//! Implements group commit: applies all queued writes in order, makes them durable with one flush, and only then replies to
//! each. The cost of a flush is shared by the writes of a commit. From time to time it starts a merge of segments on another
//! thread; writes and reads continue meanwhile.
//!
//! The thread ends when the last sender is dropped, after it has replied to all queued writes.
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

/// Capacity of a writer's message queue. Callers wait while it is full.
const CHANNEL_CAPACITY: usize = 16;

/// Time that a terminating writer waits for a merge, which can't be cancelled. If the merge takes longer, the next start
/// repairs the collection.
const OPTIMIZE_TIMEOUT: Duration = Duration::from_secs(5);

/// Handle of a writer thread. Its result is the error of the shutdown, if any.
pub(super) type WriterThread = JoinHandle<Result<(), StoreError>>;

#[derive(Debug)]
pub(super) enum WriterMessage {
    Write(WriteRequest),
    /// Notification of the merge thread that a merge has ended.
    OptimizeFinished,
}

/// A change, with the channel for the reply when the change is durable.
#[derive(Debug)]
pub(super) struct WriteRequest {
    pub(super) change: PointChange,
    pub(super) reply: oneshot::Sender<Result<(), StoreError>>,
}

/// Reply channel of a change, and the result of applying it in memory.
type AppliedWrite = (oneshot::Sender<Result<(), StoreError>>, Result<(), StoreError>);

/// Changes that become durable together.
#[derive(Debug, Default)]
struct GroupCommit {
    applied: Vec<AppliedWrite>,
    /// Changes to journal; empty unless a merge is running or has failed.
    net_changes: NetChanges,
    /// Set if any change was applied in memory, at least in part.
    has_changes: bool,
}

#[derive(Debug)]
pub(super) struct CollectionWriter<S> {
    shard: Arc<S>,
    pub(super) journal: Journal,
    durability: Arc<DurabilityTracker>,
    receiver: mpsc::Receiver<WriterMessage>,
    /// Weak, because the writer ends when all other senders are dropped.
    weak_sender: mpsc::WeakSender<WriterMessage>,
    pub(super) optimize_state: OptimizeState,
    /// Number of changed points after which a merge is due.
    optimize_after_points: usize,
    /// Number of points changed since the last merge began.
    points_since_optimize: usize,
}

impl<S: ShardEngine> CollectionWriter<S> {
    /// Starts a writer on a new thread.
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

    /// Creates a writer without a thread, with the sender of its queue. The simulation drives it directly.
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
        // Receives all queued messages at once; their writes form one commit.
        while self.receiver.blocking_recv_many(&mut messages, CHANNEL_CAPACITY) > 0 {
            let mut writes = Vec::with_capacity(messages.len());
            for message in messages.drain(..) {
                match message {
                    WriterMessage::Write(write) => writes.push(write),
                    // No need to wait: the merge thread sends its result before this message.
                    WriterMessage::OptimizeFinished => self.finish_optimize(Duration::ZERO),
                }
            }
            self.commit(writes);
            self.optimize_if_due();
        }
        self.finish()
    }

    /// Applies writes, makes them durable together, and replies to each.
    pub(super) fn commit(&mut self, writes: Vec<WriteRequest>) {
        if writes.is_empty() {
            return;
        }
        if let Err(error) = self.check_writable() {
            return writes.into_iter().for_each(|write| send_reply((write.reply, Err(error.clone())), &Ok(())));
        }
        // Must precede the first change, because readers see a change as soon as it is applied.
        self.durability.begin_commit(writes.iter().flat_map(|write| write.change.ids()));
        let mut commit = GroupCommit::default();
        let result = self.apply(writes, &mut commit).and_then(|()| self.make_durable(&commit));
        let result = result.map_err(|error| self.take_out_of_service(&error));
        commit.applied.into_iter().for_each(|applied| send_reply(applied, &result));
    }

    /// Applies writes in order. Stops with an error if the state after a failed change can't be read for the journal.
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
                    // The remaining writes are not applied; they are answered with the same error.
                    commit.applied.extend(writes.map(|write| (write.reply, Err(error.clone()))));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Returns the journal entries of a change; none unless a merge is running or has failed. A refused change has no entries:
    /// a repair would take it for an applied change, and could revert an earlier confirmed one.
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

    /// Returns entries with the current state of points, because it is unknown which of them a failed change has changed.
    fn read_current_state(&self, ids: &[PointId]) -> Result<Vec<JournalEntry>, StoreError> {
        let points = self.shard.get_full(ids)?;
        let present: HashSet<_> = points.iter().map(|point| point.id).collect();
        let absent = ids.iter().copied().filter(|id| !present.contains(id)).collect();
        Ok(vec![JournalEntry::Deleted(absent), JournalEntry::Rewriting(points)])
    }

    fn make_durable(&mut self, commit: &GroupCommit) -> Result<(), StoreError> {
        if commit.has_changes {
            // Deletions before the flush, upserts after it; see `NetChanges` for the reason.
            self.journal.append(&commit.net_changes.deletion_entries())?;
            self.shard.flush()?;
            self.journal.append(&commit.net_changes.upsert_entries())?;
            self.shard.write_manifest();
        }
        self.durability.end_commit(&commit.net_changes);
        Ok(())
    }

    /// Takes the collection out of service. Returns the reply to changes whose durability is unknown.
    fn take_out_of_service(&self, error: &StoreError) -> StoreError {
        self.durability.take_out_of_service(self.shard.path(), error);
        self.shard.abandon();
        let path = self.shard.path().display();
        StoreError::Interrupted(format!("{error}; the collection in {path} rejects changes until a restart"))
    }

    /// Checks that changes can be made durable. Repairs the collection first if a merge failed.
    ///
    /// # Errors
    /// If the collection is out of service, or the repair fails.
    fn check_writable(&mut self) -> Result<(), StoreError> {
        self.durability.check_in_service()?;
        match self.optimize_state {
            OptimizeState::NeedsRepair => self.repair(),
            OptimizeState::Idle | OptimizeState::Running(_) | OptimizeState::Failed => Ok(()),
        }
    }

    /// Starts a merge if enough points have changed, none is running or has failed, and the disk has space for it.
    pub(super) fn optimize_if_due(&mut self) {
        if self.points_since_optimize >= self.optimize_after_points
            && self.optimize_state.is_idle()
            && self.durability.check_in_service().is_ok()
        {
            // Reset even if the disk lacks space, so that the check is not repeated with every commit.
            self.points_since_optimize = 0;
            match self.shard.check_space_to_optimize() {
                Ok(()) => self.optimize_state = self.shard.start_optimize(self.finish_notifier()),
                Err(error) => tracing::warn!(%error, "merge of segments postponed; writes get slower"),
            }
        }
    }

    /// Returns the callback that notifies this writer, if it is still running, of the end of a merge.
    fn finish_notifier(&self) -> impl FnOnce() + Send + 'static {
        let weak_sender = self.weak_sender.clone();
        move || {
            if let Some(sender) = weak_sender.upgrade() {
                // Fails only if the writer has ended, which then needs no notification.
                let _ = sender.blocking_send(WriterMessage::OptimizeFinished);
            }
        }
    }

    /// Makes the result of a finished merge durable, or repairs the collection if the merge failed. Does nothing if the merge
    /// is still running after `timeout`.
    pub(super) fn finish_optimize(&mut self, timeout: Duration) {
        let Some(result) = self.optimize_state.wait_result(timeout) else { return };
        // Remains `Failed` unless the result of the merge is committed below.
        self.optimize_state = OptimizeState::Failed;
        if self.durability.check_in_service().is_err() {
            return;
        }
        let collection = self.shard.path().display().to_string();
        match result {
            Ok(()) => self.commit_optimize(),
            // After a failed merge, the engine has lost the deletions and replacements that happened during it.
            Err(error) => {
                tracing::error!(%collection, %error, "merge of segments failed; writes get slower until a restart");
                self.optimize_state = OptimizeState::NeedsRepair;
                if let Err(error) = self.repair() {
                    tracing::error!(
                        %collection,
                        %error,
                        "repair after a failed merge failed; retrying before the next write"
                    );
                }
            }
        }
    }

    /// Makes a successful merge durable, then clears the journal, whose entries are obsolete.
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
            Err(error) => tracing::error!(%error, "clearing the journal failed; writes get slower until a restart"),
        }
    }

    /// Repairs the collection after a failed merge. The journal keeps the deletions, because the next start opens segments
    /// that the merge left on disk.
    fn repair(&mut self) -> Result<(), StoreError> {
        // A full disk is temporary, so it must not take the collection out of service.
        self.shard.check_free_space()?;
        let result = repair(&*self.shard, &mut self.journal).and_then(|()| self.shard.flush());
        result.map_err(|error| self.take_out_of_service(&error))?;
        self.optimize_state = OptimizeState::Failed;
        Ok(())
    }

    /// Shuts down the collection. Closes it cleanly and removes the journal, unless a merge is still running or has failed.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        self.finish_optimize(OPTIMIZE_TIMEOUT);
        // After a failed flush the state on disk is unknown: another flush could damage it, and the next start must repair.
        self.durability.check_in_service()?;
        self.shard.flush()?;
        if !self.optimize_state.is_idle() {
            let collection = self.shard.path().display();
            tracing::info!(%collection, "collection closed with an unfinished merge; the next start repairs it");
            return Ok(());
        }
        // All senders, and so all other references to the shard, are gone.
        S::close(self.shard)?;
        // Last, so that a crash before this point leads to a repair at the next start.
        self.journal.remove()
    }
}

/// Sends the reply to a change. Ignores a caller that has cancelled its call.
fn send_reply((reply, applied): AppliedWrite, commit_result: &Result<(), StoreError>) {
    let _ = reply.send(applied.and_then(|()| commit_result.clone()));
}
