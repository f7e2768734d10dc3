//! Deletes: they wait for the changes of their ids that were accepted before, and then go the way of all writes.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tracing::{Instrument, Span, debug_span};

use super::faults::{closed, overloaded};
use super::writer::{DeleteJob, Writers};
use crate::types::{Fault, PointId};

/// Maximum number of ids of all deletes in flight.
const MAX_IDS: usize = 100_000;

/// The deletes in flight, with a permit for each of their ids.
#[derive(Debug, Clone)]
pub struct Deletes(Arc<Semaphore>);

impl Default for Deletes {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_IDS)))
    }
}

impl Deletes {
    /// Deletes points as [`Pipeline::delete`](super::Pipeline::delete) says.
    ///
    /// # Errors
    /// OVERLOADED if too many ids are in flight; otherwise the store's last error, after retries.
    pub async fn delete(&self, writers: &Writers, collection: &str, ids: BTreeSet<PointId>) -> Result<(), Fault> {
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let permits = Arc::clone(&self.0).try_acquire_many_owned(count).map_err(|_| overloaded())?;
        let span = debug_span!("delete", otel.kind = "client", collection, points = ids.len());
        delete_in_turn(writers, collection, ids, permits, span.clone()).instrument(span).await
    }
}

async fn delete_in_turn(
    writers: &Writers,
    collection: &str,
    ids: BTreeSet<PointId>,
    permits: OwnedSemaphorePermit,
    span: Span,
) -> Result<(), Fault> {
    let since = Instant::now();
    let writer = writers.open(collection);
    let mut claims = writer.ids.join_all(ids.iter().copied());
    if claims.iter().any(|claim| claim.must_wait()) {
        writer.flush_now();
    }
    for claim in &mut claims {
        claim.first_in_line().await;
    }
    let (answer, answered) = oneshot::channel();
    let job = DeleteJob { ids: ids.into_iter().collect(), claims, permits, since, span, answer };
    writer.delete(job).await.map_err(|_unsent| closed())?;
    Ok(answered.await.map_err(|_| closed())??)
}
