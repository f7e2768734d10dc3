//! Merging a collection's segments beside its writes.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::store::StoreError;

/// Where a collection stands with its merges: at most one runs at a time.
#[derive(Debug)]
pub(super) enum OptimizeState {
    Idle,
    /// The result comes here.
    Running(Receiver<Result<(), StoreError>>),
    /// One failed, and the engine shows deleted points and old copies: nothing is written before a repair.
    NeedsRepair,
    /// One failed. What it left on disk only a start can put in order, so until then no other is begun, and the journal
    /// goes on.
    Failed,
}

impl OptimizeState {
    /// Runs `merge` on a thread of its own, then calls `on_end`.
    pub(super) fn start(
        optimize: impl FnOnce() -> Result<(), StoreError> + Send + 'static,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Self {
        let (sender, result) = bounded(1);
        let run = move || {
            // Nobody listens any more if the writer has ended.
            let _ = sender.send(optimize());
            on_end();
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
    pub(super) fn wait_result(&self, timeout: Duration) -> Option<Result<(), StoreError>> {
        let Self::Running(result) = self else { return None };
        match result.recv_timeout(timeout) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(StoreError::Failed("the merging thread died".into()))),
        }
    }
}
