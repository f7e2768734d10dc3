//! Keeps ids in flight whose last write may land later.
//!
//! A write whose connection broke, or that got no answer in time, may still be on its way to the store. A later change of
//! the same id that is sent meanwhile could be overtaken, and what was confirmed would be undone. So the ids stay in flight
//! until the store has settled ([`PointWriter::settled`]), or until a write would have been given up anyway.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout};

use crate::pipeline::in_flight_ids::Claim;
use crate::store::PointWriter;

/// How many writes may wait to be settled, beside as many that are being settled, and how many ids they have together.
/// A writer waits where there are more.
const WRITES: usize = 1_024;
const IDS: usize = 100_000;
/// How long to wait before a store that can't be asked is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// The way to the task that waits for the store. It ends when the last of these is gone.
#[derive(Debug, Clone)]
pub(super) struct Settler {
    writes: mpsc::Sender<Unsettled>,
    room: Arc<Semaphore>,
}

/// The ids of a write that may land later, with their room.
type Unsettled = (Vec<Claim>, OwnedSemaphorePermit);

impl Settler {
    /// Starts the task. All writes that have come are settled together: the store is given at most `at_most` for that.
    pub(super) fn start(store: Arc<dyn PointWriter>, at_most: Duration) -> Self {
        let (writes, waiting) = mpsc::channel(WRITES);
        tokio::spawn(run(store, waiting, at_most));
        Self { writes, room: Arc::new(Semaphore::new(IDS)) }
    }

    /// Hands over the ids of a write that has just ended with an unknown outcome. Waits for room.
    pub(super) async fn settle(&self, claims: Vec<Claim>) {
        if claims.is_empty() {
            return;
        }
        let ids = u32::try_from(claims.len().min(IDS)).unwrap_or(u32::MAX);
        // Never closed, and the task ends after this.
        if let Ok(room) = Arc::clone(&self.room).acquire_many_owned(ids).await {
            let _sent = self.writes.send((claims, room)).await;
        }
    }
}

async fn run(store: Arc<dyn PointWriter>, mut waiting: mpsc::Receiver<Unsettled>, at_most: Duration) {
    let mut writes = Vec::new();
    while waiting.recv_many(&mut writes, WRITES).await > 0 {
        let settled = async {
            while let Err(error) = store.settled().await {
                tracing::debug!(%error, "store has not settled; asking again");
                sleep(PAUSE).await;
            }
        };
        if timeout(at_most, settled).await.is_err() {
            let ids = writes.iter().map(|(claims, _)| claims.len()).sum::<usize>();
            tracing::warn!(ids, ?at_most, "store did not settle in time; a write of unknown outcome could still land");
        }
        writes.clear();
    }
}
