//! The one thread that changes a collection.
//!
//! It applies the writes that wait, one after another, makes them durable by one flush, and only then answers each:
//! the more wait, the less of a flush each of them costs. Now and then it starts a merge of segments on another thread;
//! writes and reads go on meanwhile.
//!
//! It ends when the last sender is gone, after what was sent has been answered.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::engine::{Change, Engine};
use super::inventory;
use super::journal::{Entry, Journal};
use super::merge::Merge;
use super::repair::repair;
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

#[derive(Debug)]
pub(super) struct Writer {
    engine: Arc<Engine>,
    journal: Journal,
    inbox: mpsc::Receiver<Message>,
    /// Weak, for the writer ends when nobody else can send.
    outbox: mpsc::WeakSender<Message>,
    merge: Merge,
    /// How many changed points make a merge due, and how many there are since the last one began.
    merge_every: usize,
    unmerged: usize,
}

impl Writer {
    pub(super) fn spawn(
        engine: Arc<Engine>,
        journal: Journal,
        merge_every: usize,
    ) -> io::Result<(mpsc::Sender<Message>, WriterThread)> {
        let (sender, inbox) = mpsc::channel(INBOX);
        let outbox = sender.downgrade();
        let writer = Self { engine, journal, inbox, outbox, merge: Merge::Idle, merge_every, unmerged: 0 };
        let thread = thread::Builder::new().name("edge-writer".into()).spawn(move || writer.run())?;
        Ok((sender, thread))
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
    fn commit(&mut self, writes: Vec<Write>) {
        if writes.is_empty() {
            return;
        }
        let mut answers = Vec::with_capacity(writes.len());
        let mut entries = Vec::new();
        for Write { change, done } in writes {
            self.unmerged = self.unmerged.saturating_add(change.len());
            if !self.merge.is_idle() {
                entries.push(Entry::from(&change));
            }
            answers.push((done, self.engine.apply(change)));
        }
        let durable = self.engine.flush().and_then(|()| self.journal.append(&entries));
        // The lengths of before are still true of a file that only grows.
        if let Err(error) = inventory::write(self.engine.path()) {
            tracing::warn!(%error, "a file that is cut short may not be noticed");
        }
        for (done, applied) in answers {
            // A caller that has gone away needs no answer.
            let _ = done.send(applied.and_then(|()| durable.clone()));
        }
    }

    fn merge_if_due(&mut self) {
        if self.unmerged >= self.merge_every && self.merge.is_idle() {
            self.unmerged = 0;
            match self.engine.check_room_to_merge() {
                Ok(()) => self.merge = Merge::start(self.engine.clone(), self.outbox.clone()),
                Err(error) => tracing::warn!(%error, "segments are not merged for now, and writes get slower"),
            }
        }
    }

    /// Makes durable what a merge did, or undoes the harm of one that failed.
    fn end_merge(&mut self, patience: Duration) {
        let settled = match self.merge.result(patience) {
            None => return,
            Some(Ok(())) => self.engine.flush().and_then(|()| self.journal.clear()),
            // The engine then forgets which points were deleted or replaced meanwhile.
            Some(Err(error)) => repair(&self.engine, &mut self.journal).and(Err(error)),
        };
        self.merge = match settled {
            Ok(()) => Merge::Idle,
            Err(error) => {
                let folder = self.engine.path().display();
                tracing::error!(%folder, %error, "merging segments failed; writes get slower until a restart");
                Merge::Failed
            }
        };
    }

    /// Without a merge that runs on or that failed, the collection is in order, and the journal says so.
    fn finish(mut self) -> Result<(), StoreError> {
        self.end_merge(MERGE_PATIENCE);
        self.engine.flush()?;
        let folder = self.engine.path().to_owned();
        if !self.merge.is_idle() {
            let folder = folder.display();
            tracing::info!(%folder, "closed without the end of a merge; the next start repairs the collection");
            return Ok(());
        }
        // Nobody else has the engine any more: this closes it. The folder is given free when all is written.
        let _lock = self.engine.lock();
        drop(self.engine);
        inventory::write(&folder)?;
        inventory::sync(&folder)?;
        self.journal.end()
    }
}
