//! Holds back ids whose last write may still land.
//!
//! A write whose connection broke or timed out may still be on its way to the store. If a later change of the same id
//! were sent in the meantime, the old write could land after it and undo a confirmed change. The ids therefore stay in
//! flight until the store has settled ([`PointWriter::wait_until_settled`]), or until the retry timeout has passed.
//!
//! See docs/adr/0001-order-of-changes.md.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use crate::pipeline::in_flight_ids::Claim;
use crate::store::PointWriter;

/// Maximum number of writes that wait for the next settlement. A writer waits if there are more.
const MAX_QUEUED_WRITES: usize = 1_024;
/// Maximum number of ids of all held writes. A writer waits if there are more.
const MAX_HELD_IDS: usize = 100_000;
/// Delay before asking an unavailable store again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// Handle to the task that waits for the store to settle. The task ends when the last handle is dropped.
#[derive(Debug, Clone)]
pub(super) struct LateWriteBarrier {
    sender: mpsc::Sender<HeldWrite>,
    id_permits: Arc<Semaphore>,
}

/// Claims of a write that may land later, with permits for its ids.
type HeldWrite = (Vec<Claim>, OwnedSemaphorePermit);

impl LateWriteBarrier {
    /// Starts the task. Writes that have arrived are settled together, in at most `settle_timeout`.
    pub(super) fn start(store: Arc<dyn PointWriter>, settle_timeout: Duration) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED_WRITES);
        tokio::spawn(release_when_settled(store, receiver, settle_timeout));
        Self { sender, id_permits: Arc::new(Semaphore::new(MAX_HELD_IDS)) }
    }

    /// Holds the ids of a write that has just ended with an unknown outcome. Waits for capacity.
    pub(super) async fn hold(&self, claims: Vec<Claim>) {
        if claims.is_empty() {
            return;
        }
        // A write with more ids than the maximum acquires all permits.
        let ids = u32::try_from(claims.len().min(MAX_HELD_IDS)).unwrap_or(u32::MAX);
        // Both fail only if the semaphore or channel is closed, which does not happen while `self` exists.
        if let Ok(id_permit) = Arc::clone(&self.id_permits).acquire_many_owned(ids).await {
            let _sent = self.sender.send((claims, id_permit)).await;
        }
    }
}

async fn release_when_settled(
    store: Arc<dyn PointWriter>,
    mut receiver: mpsc::Receiver<HeldWrite>,
    settle_timeout: Duration,
) {
    let mut writes = Vec::new();
    while receiver.recv_many(&mut writes, MAX_QUEUED_WRITES).await > 0 {
        let settled = async {
            while let Err(error) = store.wait_until_settled().await {
                tracing::debug!(%error, "store not settled; retrying");
                sleep(RETRY_INTERVAL).await;
            }
        };
        if timeout(settle_timeout, settled).await.is_err() {
            let ids = writes.iter().map(|(claims, _)| claims.len()).sum::<usize>();
            tracing::warn!(
                ids,
                timeout = ?settle_timeout,
                "store did not settle before the timeout; a write of unknown outcome may still land"
            );
        }
        writes.clear();
    }
}
