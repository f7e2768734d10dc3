//! Deletes: they wait for the changes of their ids that were accepted before, and then go the way of all writes.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tracing::{Instrument, Span, debug_span};

use super::Pipeline;
use super::faults::{closed, overloaded};
use super::writer::DeleteJob;
use crate::types::{Fault, PointId};

/// Maximum number of ids of all deletes in flight.
const MAX_IDS: usize = 100_000;

/// A permit for each id of a delete that is in flight.
#[derive(Debug, Clone)]
pub(super) struct Deletes(Arc<Semaphore>);

impl Default for Deletes {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_IDS)))
    }
}

impl Pipeline {
    /// Deletes points of a collection, given by its own name, after all changes of their ids that were accepted before. Ids
    /// without a point are ignored. Returns when the deletion is durable. If the caller goes away before it is sent, it is
    /// not.
    ///
    /// # Errors
    /// OVERLOADED if too many ids are in flight; otherwise the store's last error, after retries.
    pub async fn delete(&self, collection: &str, ids: BTreeSet<PointId>) -> Result<(), Fault> {
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let permits = Arc::clone(&self.inner.deletes.0).try_acquire_many_owned(count).map_err(|_| overloaded())?;
        let span = debug_span!("delete", otel.kind = "client", collection, points = ids.len());
        self.delete_in_turn(collection, ids, permits, span.clone()).instrument(span).await
    }

    async fn delete_in_turn(
        &self,
        collection: &str,
        ids: BTreeSet<PointId>,
        permits: OwnedSemaphorePermit,
        span: Span,
    ) -> Result<(), Fault> {
        let since = Instant::now();
        let writer = self.writer(collection);
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
}
