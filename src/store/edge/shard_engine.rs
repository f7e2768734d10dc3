//! Engine interface of the writer and the repair, which the simulation replaces by a scripted engine.
//!
//! See docs/adr/0034-deterministic-simulation.md.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use qdrant_edge::{PointId, PointStructPersisted};

use super::apply_error::ApplyError;
use super::optimize::OptimizeState;
use super::point_change::PointChange;
use crate::store::StoreError;

/// An open shard. All methods block.
pub(super) trait ShardEngine: fmt::Debug + Send + Sync + Sized + 'static {
    /// Returns the directory of the collection.
    fn path(&self) -> &Path;

    /// Checks that the disk has space for writes.
    fn check_free_space(&self) -> Result<(), StoreError>;

    /// Applies a change in memory. Readers see it immediately.
    fn apply(&self, change: PointChange) -> Result<(), ApplyError>;

    /// Leaves the shard open until the process ends, because the state on disk is unknown and closing would flush.
    fn abandon(&self);

    /// Makes all applied changes durable. Only one thread may apply and flush. After an error, flush must not be called
    /// again and the shard must not be closed, because the state on disk is unknown.
    fn flush(&self) -> Result<(), StoreError>;

    /// Records the collection's files after a flush; the next start verifies them.
    fn write_manifest(&self);

    /// Checks that the disk has space for a merge.
    fn check_space_to_optimize(&self) -> Result<(), StoreError>;

    /// Starts a merge on another thread, which calls `on_end` after it has sent its result.
    fn start_optimize(self: &Arc<Self>, on_end: impl FnOnce() + Send + 'static) -> OptimizeState;

    /// Returns a page of ids in ascending order without duplicates, and the first id of the next page.
    fn list_ids(&self, from: Option<PointId>, limit: usize) -> Result<(Vec<PointId>, Option<PointId>), StoreError>;

    /// Returns the number of copies of these points in all segments.
    fn count_versions(&self, ids: &[PointId]) -> Result<usize, StoreError>;

    /// Returns the newest copies of points, in a form that can be upserted.
    fn get_full(&self, ids: &[PointId]) -> Result<Vec<PointStructPersisted>, StoreError>;

    /// Closes the shard after its last flush, and records its files durably. `shard` must be the last reference.
    fn close(shard: Arc<Self>) -> Result<(), StoreError>;
}
