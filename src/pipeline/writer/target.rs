//! Where a writer's points go.

use std::sync::Arc;
use std::time::Duration;

use tower::retry::budget::TpsBudget;

use super::settler::Settler;
use crate::store::PointWriter;

/// Where a writer's points go.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) store: Arc<dyn PointWriter>,
    /// The collection's own name.
    pub(super) collection: String,
    pub(super) retries: Arc<TpsBudget>,
    pub(super) settler: Settler,
}

/// How a write went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum RoundTrip {
    /// The store could not take it at the first attempt.
    #[default]
    Refused,
    /// The largest upsert that the store took; a batch that is refused comes in parts.
    Taken { points: usize, time: Duration },
    /// Nothing is known of the store's speed.
    NotSent,
}
