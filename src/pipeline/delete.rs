//! Unary deletes: each waits for earlier changes of its ids, and is then written like all other operations.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::Instant;
use tracing::{Instrument, Span, debug_span};

use super::errors::{new_overloaded_error, new_shutting_down_error};
use super::writer::{UnaryDeleteJob, Writers};
use crate::types::{ApiError, PointId};

/// Maximum number of ids over all unary deletes in flight.
const MAX_DELETE_IDS: usize = 100_000;

/// Limiter of the deletes in flight, with one permit per id.
#[derive(Debug, Clone)]
pub struct DeleteLimiter(Arc<Semaphore>);

impl Default for DeleteLimiter {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_DELETE_IDS)))
    }
}

impl DeleteLimiter {
    /// Deletes points as described at [`Pipeline::delete`](super::Pipeline::delete).
    ///
    /// # Errors
    /// `Overloaded` if too many ids are in flight; otherwise the store's last error, after retries.
    pub async fn delete(&self, writers: &Writers, collection: &str, ids: BTreeSet<PointId>) -> Result<(), ApiError> {
        let count = u32::try_from(ids.len()).unwrap_or(u32::MAX);
        let permits = Arc::clone(&self.0).try_acquire_many_owned(count).map_err(|_| new_overloaded_error())?;
        let span = debug_span!("delete", otel.kind = "client", collection, points = ids.len());
        delete_in_order(writers, collection, ids, permits, span.clone()).instrument(span).await
    }
}

async fn delete_in_order(
    writers: &Writers,
    collection: &str,
    ids: BTreeSet<PointId>,
    permits: OwnedSemaphorePermit,
    span: Span,
) -> Result<(), ApiError> {
    let received_at = Instant::now();
    let writer = writers.open(collection);
    let mut claims = writer.ids.enqueue_all(ids.iter().copied());
    if claims.iter().any(|claim| claim.must_wait()) {
        writer.flush_now();
    }
    for claim in &mut claims {
        claim.wait_until_first().await;
    }
    let (reply, reply_receiver) = oneshot::channel();
    let job = UnaryDeleteJob { ids: ids.into_iter().collect(), claims, permits, received_at, span, reply };
    writer.delete(job).await.map_err(|_unsent| new_shutting_down_error())?;
    Ok(reply_receiver.await.map_err(|_| new_shutting_down_error())??)
}
