//! Wrapper of one shard of the engine that converts panics into errors.
//!
//! Behavior of qdrant-edge 0.7.2, and how this module handles it:
//! - `update` writes the engine's log and memory, but `load` doesn't replay the log. So only flushed changes survive the
//!   process, and a write is confirmed after [`ShardEngine::flush`].
//! - `flush` takes two locks with `try_lock().expect(…)` and can panic. See the implementation of [`ShardEngine::flush`].
//! - The log is never truncated. It is never read either, so its old segments are removed after a flush ([`trim_wal`]).
//! - `query` adds the offset to the limit, but doesn't skip the offset. See [`Engine::query`].
//! - `optimize` merges segments concurrently with updates and leaves no record of it on disk. See repair.rs.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qdrant_edge::{
    Condition, CountRequest, EdgeShard, Filter, HasIdCondition, PointId, PointInsertOperations, PointOperations,
    PointStructPersisted, QueryRequest, Record, ScoredPoint, ScrollRequest, UpdateOperation, VectorStructInternal,
    WithPayloadInterface, WithVector,
};

use super::apply_error::ApplyError;
use super::collection_config::to_engine_config;
use super::directory::StoreDirectory;
use super::disk_space::{check_free_space, check_space_for_copy};
use super::engine_call::{call_engine, flush_with_retry, open_with_retry};
use super::error::file_error;
use super::manifest;
use super::open_error::open_error;
use super::optimize::OptimizeState;
use super::point_change::PointChange;
use super::shard_engine::ShardEngine;
use super::wal::trim_wal;
use crate::store::StoreError;
use crate::types::CollectionSpec;

const TEMP_SEGMENTS_DIR: &str = "temp_segments";
const SEGMENTS_DIR: &str = "segments";

/// An open shard of the engine. All methods block.
#[derive(Debug)]
pub(super) struct Engine {
    /// `Arc` only so that [`ShardEngine::abandon`] can leak a reference; there are no other owners.
    shard: Arc<EdgeShard>,
    path: PathBuf,
    /// Keeps the store's directory locked while the shard is open.
    store_dir: Arc<StoreDirectory>,
}

impl Engine {
    /// Creates the files of a new shard in an empty directory.
    pub(super) fn create(path: &Path, spec: &CollectionSpec) -> Result<(), StoreError> {
        let config = to_engine_config(spec)?;
        call_engine(path, || EdgeShard::new(path, config).map(drop))
    }

    /// Opens the shard in a directory. It must not be open elsewhere.
    pub(super) fn open(path: &Path, store_dir: Arc<StoreDirectory>) -> Result<Self, StoreError> {
        trim_wal(path)?;
        remove_partial_merge(path)?;
        let shard = open_with_retry(path, || EdgeShard::load(path, None)).map_err(|error| open_error(path, error))?;
        Ok(Self { shard: Arc::new(shard), path: path.to_owned(), store_dir })
    }

    /// Merges and indexes segments that are due. Changes and reads continue concurrently.
    pub(super) fn optimize(&self) -> Result<(), StoreError> {
        call_engine(&self.path, || self.shard.optimize().map(drop))
    }

    /// Returns the number of points.
    pub(super) fn point_count(&self) -> Result<usize, StoreError> {
        // `count` either estimates or reads every id; `info` sums the counters of the segments.
        call_engine(&self.path, || Ok(self.shard.info().points_count))
    }

    /// Returns the best points for a query, best first. The request must have no offset, because the engine doesn't skip it.
    pub(super) fn query(&self, request: QueryRequest) -> Result<Vec<ScoredPoint>, StoreError> {
        call_engine(&self.path, || self.shard.query(request))
    }

    /// Returns points by id; missing points are omitted.
    pub(super) fn retrieve(
        &self,
        ids: &[PointId],
        payload: WithPayloadInterface,
        vectors: WithVector,
    ) -> Result<Vec<Record>, StoreError> {
        call_engine(&self.path, || self.shard.retrieve(ids, Some(payload), Some(vectors)))
    }

    /// Returns a page of points in id order without duplicates, and the first id of the next page.
    pub(super) fn scroll(
        &self,
        from: Option<PointId>,
        limit: usize,
        payload: WithPayloadInterface,
        vectors: WithVector,
    ) -> Result<(Vec<Record>, Option<PointId>), StoreError> {
        let request = ScrollRequest {
            offset: from,
            limit: Some(limit),
            with_payload: Some(payload),
            with_vector: vectors,
            ..ScrollRequest::default()
        };
        call_engine(&self.path, || self.shard.scroll(request))
    }
}

impl ShardEngine for Engine {
    fn path(&self) -> &Path {
        &self.path
    }

    fn check_free_space(&self) -> Result<(), StoreError> {
        check_free_space(&self.path)
    }

    /// Applies a change. The engine validates the points of an upsert one by one as it writes them, so a failed change may
    /// be applied in part.
    fn apply(&self, change: PointChange) -> Result<(), ApplyError> {
        if change.len() == 0 {
            return Ok(());
        }
        self.check_free_space().map_err(ApplyError::Refused)?;
        let operation = match change {
            PointChange::Upsert(points) => PointOperations::UpsertPoints(PointInsertOperations::PointsList(points)),
            PointChange::Delete(ids) => PointOperations::DeletePoints { ids },
        };
        let update = || self.shard.update(UpdateOperation::PointOperation(operation));
        call_engine(&self.path, update).map_err(ApplyError::Partial)
    }

    /// Flushes, and retries if a merge holds a lock.
    ///
    /// `EdgeShard::flush` panics if one of two locks is held. The log's lock is held only by updates, which run on this
    /// thread. The segments' lock is held briefly by a merge at its beginning and end, and the public API can't prevent
    /// that. `info` waits for the segments' lock, so calling it first makes a collision rare. After a collision a retry is
    /// safe: the flush is idempotent up to that point, and the locks don't poison. The only trace is the panic message on
    /// standard error.
    fn flush(&self) -> Result<(), StoreError> {
        let flush = || {
            self.shard.info();
            self.shard.flush();
        };
        flush_with_retry(&self.path, flush).inspect_err(|_| self.abandon())?;
        if let Err(error) = trim_wal(&self.path) {
            tracing::warn!(%error, "truncating the engine's log failed; the log grows");
        }
        Ok(())
    }

    /// Leaks the shard, so that it stays open until the process ends. Dropping a shard flushes it, and a flush after a failed
    /// one can damage the files: it lacks the changes that the failed flush removed from memory without writing them. Other
    /// processes must not open the files meanwhile, so the directory's lock is leaked too.
    fn abandon(&self) {
        mem::forget((Arc::clone(&self.shard), Arc::clone(&self.store_dir)));
    }

    fn write_manifest(&self) {
        // Not fatal: the previous lengths are still valid lower bounds of files that only grow.
        if let Err(error) = manifest::write(&self.path) {
            tracing::warn!(%error, "writing the manifest failed; a truncated file may go undetected");
        }
    }

    /// Requires space for a full copy: a merge rewrites all segments before it drops the old ones.
    fn check_space_to_optimize(&self) -> Result<(), StoreError> {
        check_space_for_copy(&self.path.join(SEGMENTS_DIR))
    }

    fn start_optimize(self: &Arc<Self>, on_end: impl FnOnce() + Send + 'static) -> OptimizeState {
        let engine = Arc::clone(self);
        // Release the engine before the result is sent: on receipt the writer may close the shard, which needs the last
        // reference.
        let optimize = move || {
            let result = engine.optimize();
            drop(engine);
            result
        };
        OptimizeState::start(optimize, on_end)
    }

    fn list_ids(&self, from: Option<PointId>, limit: usize) -> Result<(Vec<PointId>, Option<PointId>), StoreError> {
        let (records, next) = self.scroll(from, limit, WithPayloadInterface::Bool(false), WithVector::Bool(false))?;
        Ok((records.into_iter().map(|record| record.id).collect(), next))
    }

    fn count_versions(&self, ids: &[PointId]) -> Result<usize, StoreError> {
        let ids: HasIdCondition = ids.iter().copied().collect();
        let filter = Some(Filter::new_must(Condition::HasId(ids)));
        call_engine(&self.path, || self.shard.count(CountRequest { filter, exact: true }))
    }

    fn get_full(&self, ids: &[PointId]) -> Result<Vec<PointStructPersisted>, StoreError> {
        let records = self.retrieve(ids, WithPayloadInterface::Bool(true), WithVector::Bool(true))?;
        let to_persisted = |record: Record| {
            let vectors = record.vector.unwrap_or_else(|| VectorStructInternal::Named(HashMap::new()));
            PointStructPersisted { id: record.id, vector: vectors.into(), payload: record.payload }
        };
        Ok(records.into_iter().map(to_persisted).collect())
    }

    /// Closes the shard. Keeps the directory locked until the manifest is written.
    fn close(shard: Arc<Self>) -> Result<(), StoreError> {
        let (path, _lock) = (shard.path.clone(), Arc::clone(&shard.store_dir));
        call_engine(&path, || {
            drop(shard);
            Ok(())
        })?;
        manifest::write(&path)?;
        manifest::sync(&path)
    }
}

/// Removes the partial output of a merge that a crash interrupted. The engine never reads it.
fn remove_partial_merge(shard: &Path) -> Result<(), StoreError> {
    let path = shard.join(TEMP_SEGMENTS_DIR);
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(file_error("remove the leftover", &path, &error)),
        _ => Ok(()),
    }
}
