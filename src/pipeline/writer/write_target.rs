//! Store and collection that a writer writes to.

use std::sync::Arc;
use std::time::Duration;

use tower::retry::budget::TpsBudget;

use super::late_write_barrier::LateWriteBarrier;
use crate::store::PointWriter;

/// Destination of a writer's points.
#[derive(Debug)]
pub(super) struct WriteTarget {
    pub(super) store: Arc<dyn PointWriter>,
    /// Collection name, with aliases resolved.
    pub(super) collection: String,
    pub(super) retry_budget: Arc<TpsBudget>,
    pub(super) late_writes: LateWriteBarrier,
}

/// Outcome of a write, as input of the adaptive concurrency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum WriteOutcome {
    /// The first attempt failed with a retryable error.
    #[default]
    Refused,
    /// Size and latency of the largest accepted upsert of the batch, which may have been split into parts.
    Accepted { points: usize, latency: Duration },
    /// Unknown: the write gives no information about the store's latency.
    NoSample,
}
