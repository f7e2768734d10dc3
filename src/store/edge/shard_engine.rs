//! What the writer and the repair need of an engine, so that a simulation can run them on a scripted one.
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

/// An open shard. Its calls block.
pub(super) trait ShardEngine: fmt::Debug + Send + Sync + Sized + 'static {
    /// The directory of the collection.
    fn path(&self) -> &Path;

    /// Refuses to write if the disk is nearly full.
    fn check_free_space(&self) -> Result<(), StoreError>;

    /// Changes points, in memory. Readers see the change at once.
    fn apply(&self, change: PointChange) -> Result<(), ApplyError>;

    /// Leaves the shard open until the process ends: what is on the disk is unknown, and closing it would flush.
    fn abandon(&self);

    /// Makes all that was changed so far durable. Only one thread may change or flush. After an error this must not be
    /// called again, and the shard not be closed: what is durable is unknown.
    fn flush(&self) -> Result<(), StoreError>;

    /// Notes the files of the collection after a flush, for the next start to compare.
    fn write_manifest(&self);

    /// Whether the disk has room for a merge.
    fn check_space_to_optimize(&self) -> Result<(), StoreError>;

    /// Starts a merge on another thread, which calls `on_end` when its result is there.
    fn start_optimize(self: &Arc<Self>, on_end: impl FnOnce() + Send + 'static) -> OptimizeState;

    /// A page of ids in ascending order, each once, and where the next page begins.
    fn list_ids(&self, from: Option<PointId>, limit: usize) -> Result<(Vec<PointId>, Option<PointId>), StoreError>;

    /// How many copies there are of these points, in all segments.
    fn count_versions(&self, ids: &[PointId]) -> Result<usize, StoreError>;

    /// The newest copies of points, as they can be upserted.
    fn get_full(&self, ids: &[PointId]) -> Result<Vec<PointStructPersisted>, StoreError>;

    /// Closes the shard after its last flush, and records its files durably. Nobody else may have it.
    fn close(shard: Arc<Self>) -> Result<(), StoreError>;
}
