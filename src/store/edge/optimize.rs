//! State of segment merges, which run concurrently with writes.

use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use crate::store::StoreError;

/// State of a collection's merges. At most one runs at a time.
#[derive(Debug)]
pub(super) enum OptimizeState {
    Idle,
    /// A merge is running and sends its result to this channel.
    Running(Receiver<Result<(), StoreError>>),
    /// A merge failed, and the engine shows deleted points and old copies. Writes must wait for a repair.
    NeedsRepair,
    /// A merge failed and memory has been repaired. Only a restart can clean up the segments that it left on disk, so until
    /// then no other merge starts and changes are journaled.
    Failed,
}

impl OptimizeState {
    /// Runs `optimize` on a new thread, then calls `on_end`.
    pub(super) fn start(
        optimize: impl FnOnce() -> Result<(), StoreError> + Send + 'static,
        on_end: impl FnOnce() + Send + 'static,
    ) -> Self {
        let (sender, result) = bounded(1);
        let run = move || {
            // The receiver is gone if the writer has ended.
            let _ = sender.send(optimize());
            on_end();
        };
        match thread::Builder::new().name("edge-merge".into()).spawn(run) {
            Ok(_) => Self::Running(result),
            Err(error) => {
                tracing::warn!(%error, "starting the merge thread failed; retrying after more writes");
                Self::Idle
            }
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self, Self::Idle)
    }

    /// Waits for the running merge. Returns `None` if there is none, or it takes longer than `timeout`.
    pub(super) fn wait_result(&self, timeout: Duration) -> Option<Result<(), StoreError>> {
        let Self::Running(result) = self else { return None };
        match result.recv_timeout(timeout) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Err(StoreError::Failed("the merge thread panicked".into()))),
        }
    }
}
