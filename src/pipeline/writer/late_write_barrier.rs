//! Keeps ids in flight whose last write may land later.
//!
//! A write whose connection broke, or that got no answer in time, may still be on its way to the store. A later change of
//! the same id that is sent meanwhile could be overtaken, and what was confirmed would be undone. So the ids stay in flight
//! until the store has settled ([`PointWriter::settled`]), or until a write would have been given up anyway.
//!
//! See docs/adr/0001-order-of-changes.md.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use crate::pipeline::in_flight_ids::Claim;
use crate::store::PointWriter;

/// How many writes may wait to be settled, beside as many that are being settled, and how many ids they have together.
/// A writer waits where there are more.
const MAX_QUEUED_WRITES: usize = 1_024;
const MAX_HELD_IDS: usize = 100_000;
/// How long to wait before a store that can't be asked is asked again.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);

/// The way to the task that waits for the store. It ends when the last of these is gone.
#[derive(Debug, Clone)]
pub(super) struct LateWriteBarrier {
    sender: mpsc::Sender<HeldWrite>,
    id_permits: Arc<Semaphore>,
}

/// The ids of a write that may land later, with their room.
type HeldWrite = (Vec<Claim>, OwnedSemaphorePermit);

impl LateWriteBarrier {
    /// Starts the task. All writes that have come are settled together: the store is given at most `at_most` for that.
    pub(super) fn start(store: Arc<dyn PointWriter>, settle_timeout: Duration) -> Self {
        let (sender, receiver) = mpsc::channel(MAX_QUEUED_WRITES);
        tokio::spawn(release_when_settled(store, receiver, settle_timeout));
        Self { sender, id_permits: Arc::new(Semaphore::new(MAX_HELD_IDS)) }
    }

    /// Hands over the ids of a write that has just ended with an unknown outcome. Waits for room.
    pub(super) async fn hold(&self, claims: Vec<Claim>) {
        if claims.is_empty() {
            return;
        }
        let ids = u32::try_from(claims.len().min(MAX_HELD_IDS)).unwrap_or(u32::MAX);
        // Never closed, and the task ends after this.
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
                tracing::debug!(%error, "store has not settled; asking again");
                sleep(RETRY_INTERVAL).await;
            }
        };
        if timeout(settle_timeout, settled).await.is_err() {
            let ids = writes.iter().map(|(claims, _)| claims.len()).sum::<usize>();
            tracing::warn!(
                ids,
                at_most = ?settle_timeout,
                "store did not settle in time; a write of unknown outcome could still land"
            );
        }
        writes.clear();
    }
}
