//! Where a writer's points go.

use std::sync::Arc;
use std::time::Duration;

use tower::retry::budget::TpsBudget;

use super::late_write_barrier::LateWriteBarrier;
use crate::store::PointWriter;

/// Where a writer's points go.
#[derive(Debug)]
pub(super) struct WriteTarget {
    pub(super) store: Arc<dyn PointWriter>,
    /// The collection's own name.
    pub(super) collection: String,
    pub(super) retry_budget: Arc<TpsBudget>,
    pub(super) late_writes: LateWriteBarrier,
}

/// How a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum WriteOutcome {
    /// The store could not take it at the first attempt.
    #[default]
    Refused,
    /// The largest upsert that the store took; a batch that is refused comes in parts.
    Accepted { points: usize, latency: Duration },
    /// Nothing is known of the store's speed.
    NoSample,
}
