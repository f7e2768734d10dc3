//! Merging a collection's segments beside its writes.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use tokio::sync::mpsc;

use super::engine::Engine;
use super::writer::Message;
use crate::store::StoreError;

/// Where a collection stands with its merges: at most one runs at a time.
#[derive(Debug)]
pub(super) enum Merge {
    Idle,
    /// The result comes here.
    Running(Receiver<Result<(), StoreError>>),
    /// One failed, and the engine shows deleted points and old copies: nothing is written before a repair.
    Unrepaired,
    /// One failed. What it left on disk only a start can put in order, so until then no other is begun, and the journal
    /// goes on.
    Failed,
}

impl Merge {
    /// Starts a merge, after which the writer gets [`Message::Merged`].
    pub(super) fn start(engine: Arc<Engine>, outbox: mpsc::WeakSender<Message>) -> Self {
        let (sender, result) = bounded(1);
        let run = move || {
            let merged = engine.merge();
            // The writer closes the engine, if it can.
            drop(engine);
            // Nobody listens any more if the writer has ended.
            let _ = sender.send(merged);
            if let Some(outbox) = outbox.upgrade() {
                let _ = outbox.blocking_send(Message::Merged);
            }
        };
        match thread::Builder::new().name("edge-merge".into()).spawn(run) {
            Ok(_) => Self::Running(result),
            Err(error) => {
                tracing::warn!(%error, "no thread could be started to merge segments; trying again later");
                Self::Idle
            }
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// Waits for the merge that runs. `None` if none does, or it takes longer than that.
    pub(super) fn result(&self, patience: Duration) -> Option<Result<(), StoreError>> {
        let Self::Running(result) = self else { return None };
        match result.recv_timeout(patience) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(StoreError::Failed("the merging thread died".into()))),
        }
    }
}
