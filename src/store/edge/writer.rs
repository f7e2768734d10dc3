//! The one thread that changes a collection.
//!
//! It applies the writes that wait, one after another, makes them durable by one flush, and only then answers each:
//! the more wait, the less of a flush each of them costs. Now and then it starts a merge of segments on another thread;
//! writes and reads go on meanwhile.
//!
//! It ends when the last sender is gone, after what was sent has been answered.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use qdrant_edge::PointId;
use tokio::sync::{mpsc, oneshot};

use super::apply_error::ApplyError;
use super::change::Change;
use super::durability::DurabilityTracker;
use super::journal::Journal;
use super::journal_entry::Entry;
use super::merge::Merge;
use super::net_changes::NetChanges;
use super::repair::repair;
use super::shard::Shard;
use crate::store::StoreError;

/// How many messages may wait for a writer. A caller waits where there are more.
const INBOX: usize = 16;

/// How long a writer that ends waits for a merge, which can't be broken off. What it leaves behind, the next start
/// puts in order.
const MERGE_PATIENCE: Duration = Duration::from_secs(5);

/// A writer's thread. Its result says what could not be put in order at the end.
pub(super) type WriterThread = JoinHandle<Result<(), StoreError>>;

#[derive(Debug)]
pub(super) enum Message {
    Write(Write),
    /// A merge has ended.
    Merged,
}

/// A change, and where to answer when it is durable.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) change: Change,
    pub(super) done: oneshot::Sender<Result<(), StoreError>>,
}

/// Where to answer a change, and what became of it in memory.
type Applied = (oneshot::Sender<Result<(), StoreError>>, Result<(), StoreError>);

/// Changes that become durable together.
#[derive(Debug, Default)]
struct Commit {
    applied: Vec<Applied>,
    /// For the journal.
    recorded: NetChanges,
    /// Whether anything was changed in memory.
    has_changes: bool,
}

#[derive(Debug)]
pub(super) struct Writer<S> {
    shard: Arc<S>,
    pub(super) journal: Journal,
    durability: Arc<DurabilityTracker>,
    inbox: mpsc::Receiver<Message>,
    /// Weak, for the writer ends when nobody else can send.
    outbox: mpsc::WeakSender<Message>,
    pub(super) merge: Merge,
    /// How many changed points make a merge due, and how many there are since the last one began.
    merge_every: usize,
    unmerged: usize,
}

impl<S: Shard> Writer<S> {
    pub(super) fn spawn(
        shard: Arc<S>,
        journal: Journal,
        durability: Arc<DurabilityTracker>,
        merge_every: usize,
    ) -> io::Result<(mpsc::Sender<Message>, WriterThread)> {
        let (sender, writer) = Self::new(shard, journal, durability, merge_every);
        let thread = thread::Builder::new().name("edge-writer".into()).spawn(move || writer.run())?;
        Ok((sender, thread))
    }

    /// A writer without a thread, and the way to it.
    pub(super) fn new(
        shard: Arc<S>,
        journal: Journal,
        durability: Arc<DurabilityTracker>,
        merge_every: usize,
    ) -> (mpsc::Sender<Message>, Self) {
        let (sender, inbox) = mpsc::channel(INBOX);
        let outbox = sender.downgrade();
        let merge = Merge::Idle;
        (sender, Self { shard, journal, durability, inbox, outbox, merge, merge_every, unmerged: 0 })
    }

    fn run(mut self) -> Result<(), StoreError> {
        let mut messages = Vec::with_capacity(INBOX);
        while self.inbox.blocking_recv_many(&mut messages, INBOX) > 0 {
            let mut writes = Vec::with_capacity(messages.len());
            for message in messages.drain(..) {
                match message {
                    Message::Write(write) => writes.push(write),
                    Message::Merged => self.end_merge(Duration::ZERO),
                }
            }
            self.commit(writes);
            self.merge_if_due();
        }
        self.finish()
    }

    /// Applies writes, makes them durable together, answers each.
    pub(super) fn commit(&mut self, writes: Vec<Write>) {
        if writes.is_empty() {
            return;
        }
        if let Err(error) = self.check_writable() {
            return writes.into_iter().for_each(|write| answer((write.done, Err(error.clone())), &Ok(())));
        }
        // Before the first is applied, when readers see it.
        self.durability.begin_commit(writes.iter().flat_map(|write| write.change.ids()));
        let mut commit = Commit::default();
        let durable = self.apply(writes, &mut commit).and_then(|()| self.make_durable(&commit));
        let durable = durable.map_err(|error| self.fail(&error));
        commit.applied.into_iter().for_each(|applied| answer(applied, &durable));
    }

    /// Applies writes one after the other.
    fn apply(&mut self, writes: Vec<Write>, commit: &mut Commit) -> Result<(), StoreError> {
        let mut writes = writes.into_iter();
        while let Some(Write { change, done }) = writes.next() {
            let (points, entry) = (change.len(), Entry::from(&change));
            let outcome = self.shard.apply(change);
            let recorded = self.record(entry, &outcome);
            if !matches!(outcome, Err(ApplyError::Refused(_))) {
                self.unmerged = self.unmerged.saturating_add(points);
                commit.has_changes = true;
            }
            commit.applied.push((done, outcome.map_err(ApplyError::into_error)));
            match recorded {
                Ok(entries) => entries.into_iter().for_each(|entry| commit.recorded.add(entry)),
                Err(error) => {
                    commit.applied.extend(writes.map(|write| (write.done, Err(error.clone()))));
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Gives the entries of a change for the journal, if that is needed. A change that was refused has none: a repair
    /// would take it for one that was made, and undo a confirmed one before it.
    fn record(&self, entry: Entry, outcome: &Result<(), ApplyError>) -> Result<Vec<Entry>, StoreError> {
        match outcome {
            Err(ApplyError::Refused(_)) => Ok(Vec::new()),
            _ if self.merge.is_idle() => Ok(Vec::new()),
            Ok(()) => Ok(vec![entry]),
            Err(ApplyError::Partial(_)) => self.current_state(&entry.into_ids()),
        }
    }

    /// Entries that say what points are like now: nobody knows which of them a change that failed has changed.
    fn current_state(&self, ids: &[PointId]) -> Result<Vec<Entry>, StoreError> {
        let points = self.shard.whole(ids)?;
        let present: HashSet<_> = points.iter().map(|point| point.id).collect();
        let absent = ids.iter().copied().filter(|id| !present.contains(id)).collect();
        Ok(vec![Entry::Deleted(absent), Entry::Rewriting(points)])
    }

    fn make_durable(&mut self, commit: &Commit) -> Result<(), StoreError> {
        if commit.has_changes {
            self.journal.append(&commit.recorded.deletions())?;
            self.shard.flush()?;
            self.journal.append(&commit.recorded.upserts())?;
            self.shard.record_files();
        }
        self.durability.end_commit(&commit.recorded);
        Ok(())
    }

    /// Takes the collection out of service. Gives what to answer for changes that may be durable or not.
    fn fail(&self, error: &StoreError) -> StoreError {
        self.durability.fail(self.shard.path(), error);
        self.shard.abandon();
        let folder = self.shard.path().display();
        StoreError::Interrupted(format!("{error}; the collection in {folder} takes no more changes until a restart"))
    }

    /// Refuses changes where none can be made durable, or one could be lost in what a failed merge left.
    fn check_writable(&mut self) -> Result<(), StoreError> {
        self.durability.check()?;
        match self.merge {
            Merge::Unrepaired => self.repair(),
            Merge::Idle | Merge::Running(_) | Merge::Failed => Ok(()),
        }
    }

    pub(super) fn merge_if_due(&mut self) {
        if self.unmerged >= self.merge_every && self.merge.is_idle() && self.durability.check().is_ok() {
            self.unmerged = 0;
            match self.shard.check_room_to_merge() {
                Ok(()) => self.merge = self.shard.start_merge(self.notify_merged()),
                Err(error) => tracing::warn!(%error, "segments are not merged for now, and writes get slower"),
            }
        }
    }

    /// Returns the callback that tells this writer, if it still runs, that a merge has ended.
    fn notify_merged(&self) -> impl FnOnce() + Send + 'static {
        let outbox = self.outbox.clone();
        move || {
            if let Some(outbox) = outbox.upgrade() {
                let _ = outbox.blocking_send(Message::Merged);
            }
        }
    }

    /// Makes durable what a merge did, or undoes the harm of one that failed.
    pub(super) fn end_merge(&mut self, patience: Duration) {
        let Some(merged) = self.merge.result(patience) else { return };
        self.merge = Merge::Failed;
        if self.durability.check().is_err() {
            return;
        }
        let folder = self.shard.path().display().to_string();
        match merged {
            Ok(()) => self.keep_merged(),
            // The engine then forgets which points were deleted or replaced meanwhile.
            Err(error) => {
                tracing::error!(%folder, %error, "merging segments failed; writes get slower until a restart");
                self.merge = Merge::Unrepaired;
                if let Err(error) = self.repair() {
                    tracing::error!(%folder, %error, "repair after a merge failed; retried before the next write");
                }
            }
        }
    }

    /// Makes a merge that succeeded durable; what the journal says of the time of the merge is then of no more use.
    fn keep_merged(&mut self) {
        if let Err(error) = self.shard.flush() {
            self.fail(&error);
            return;
        }
        match self.journal.clear() {
            Ok(()) => {
                self.durability.end_merge();
                self.merge = Merge::Idle;
            }
            Err(error) => tracing::error!(%error, "journal not cleared; writes get slower until a restart"),
        }
    }

    /// Repairs after a merge that failed. The journal keeps what was deleted: segments that the merge has left on the
    /// disk are opened by the next start.
    fn repair(&mut self) -> Result<(), StoreError> {
        // Out of space is not out of service.
        self.shard.check_free_space()?;
        let repaired = repair(&*self.shard, &mut self.journal).and_then(|()| self.shard.flush());
        repaired.map_err(|error| self.fail(&error))?;
        self.merge = Merge::Failed;
        Ok(())
    }

    /// Without a merge that runs on or that failed, the collection is in order, and the journal says so.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        self.end_merge(MERGE_PATIENCE);
        // What is on the disk is unknown: another flush could make it worse, and the next start must repair.
        self.durability.check()?;
        self.shard.flush()?;
        if !self.merge.is_idle() {
            let folder = self.shard.path().display();
            tracing::info!(%folder, "closed without the end of a merge; the next start repairs the collection");
            return Ok(());
        }
        // Nobody else has the shard any more.
        S::close(self.shard)?;
        self.journal.end()
    }
}

/// Answers a change. A caller that has gone away needs no answer.
fn answer((done, applied): Applied, durable: &Result<(), StoreError>) {
    let _ = done.send(applied.and_then(|()| durable.clone()));
}
