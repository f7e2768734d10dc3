//! Documents that are stored already, as they would be stored again, are told apart before they are encoded.

use std::collections::HashMap;
use std::sync::Arc;

use metrics::counter;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::admission::all_abandoned;
use super::faults::stream_fault;
use super::operation::Stored;
use super::route::{Admitted, Route};
use crate::metrics as names;
use crate::store::StoreError;
use crate::types::{Digest, PointId};

/// The most documents that the store is asked for at once.
const DOCUMENTS: usize = 1_000;

/// The way to one client's screen, a task of its own. It ends when this is gone and all that was sent has gone on.
#[derive(Debug)]
pub struct Screen {
    admitted: mpsc::Sender<Admitted>,
}

impl Screen {
    /// Starts the task, with room for `capacity` documents: for every one that can hold a permit.
    pub fn start(route: Arc<Route>, capacity: usize) -> Self {
        let (admitted, waiting) = mpsc::channel(capacity);
        tokio::spawn(run(route, waiting).in_current_span());
        Self { admitted }
    }

    /// Sends a document. Never waits. Were there no room, its finalizer would answer as it drops.
    pub fn send(&self, admitted: Admitted) {
        let _sent = self.admitted.try_send(admitted);
    }
}

/// Asks for what waits, all at once; meanwhile more comes.
async fn run(route: Arc<Route>, mut waiting: mpsc::Receiver<Admitted>) {
    let mut batch = Vec::new();
    while waiting.recv_many(&mut batch, DOCUMENTS).await > 0 {
        batch.retain(|admitted| !admitted.finalizer.is_abandoned());
        let ids: Vec<_> = batch.iter().map(|admitted| admitted.document.id.point_id()).collect();
        let stored = tokio::select! {
            biased;
            stored = digests(&route, &ids) => stored,
            // Their ids must not wait for a store that is away. The finalizers answer as they drop.
            () = all_abandoned(batch.iter().map(|admitted| &admitted.finalizer)) => {
                batch.clear();
                continue;
            }
        };
        match stored {
            Err(error) => {
                tracing::warn!(collection = route.options.collection, %error, "failed to fetch stored digests");
                let fault = stream_fault(error);
                batch.drain(..).for_each(|admitted| admitted.finalizer.finish(Err(fault.clone())));
            }
            Ok(stored) => {
                for (admitted, id) in batch.drain(..).zip(ids) {
                    if stored.get(&id) == Some(&admitted.digest) {
                        counter!(names::UNCHANGED).increment(1);
                        admitted.finalizer.finish(Ok(Stored::Unchanged));
                    } else if route.encode(admitted).await.is_err() {
                        // The pipeline is closed; what is left answers as it drops.
                        return;
                    }
                }
            }
        }
    }
}

/// As an upsert is, this is tried again while the store can't answer.
async fn digests(route: &Route, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
    route.pipeline.retrying(|store| store.digests(&route.options.collection, ids)).await
}
