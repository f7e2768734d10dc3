//! One shard of the engine, as the rest of the store may use it: every panic becomes an error.
//!
//! What qdrant-edge 0.7.2 does, and what is made of it here:
//! - `update` writes the engine's log and memory; `load` doesn't replay the log. So only what was flushed survives the
//!   process, and a write is confirmed after [`Shard::flush`].
//! - `flush` takes two locks by `try_lock().expect(…)`. See there.
//! - The log is never shortened. It is not read again either, so after a flush its old parts are dropped ([`trim_log`]).
//! - `query` adds the offset to the limit and then forgets it. See [`Engine::query`].
//! - `optimize` merges segments while updates go on, and tells nobody on disk. See repair.rs.

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

/// One open shard. Its calls block.
#[derive(Debug)]
pub(super) struct Engine {
    /// Shared with nobody; see [`Shard::abandon`].
    shard: Arc<EdgeShard>,
    path: PathBuf,
    /// The folder stays locked for as long as the shard is open.
    store_dir: Arc<StoreDirectory>,
}

impl Engine {
    /// Makes the files of a new shard in an empty folder.
    pub(super) fn create(path: &Path, spec: &CollectionSpec) -> Result<(), StoreError> {
        let config = to_engine_config(spec)?;
        call_engine(path, || EdgeShard::new(path, config).map(drop))
    }

    /// Opens the shard in a folder. Nothing may have it open.
    pub(super) fn open(path: &Path, store_dir: Arc<StoreDirectory>) -> Result<Self, StoreError> {
        trim_wal(path)?;
        remove_partial_merge(path)?;
        let shard = open_with_retry(path, || EdgeShard::load(path, None)).map_err(|error| open_error(path, error))?;
        Ok(Self { shard: Arc::new(shard), path: path.to_owned(), store_dir })
    }

    /// Merges and indexes segments where that is due. Changes and reads go on meanwhile.
    pub(super) fn optimize(&self) -> Result<(), StoreError> {
        call_engine(&self.path, || self.shard.optimize().map(drop))
    }

    /// How many points there are.
    pub(super) fn point_count(&self) -> Result<usize, StoreError> {
        // `count` estimates, or reads every id; this adds up what the segments know.
        call_engine(&self.path, || Ok(self.shard.info().points_count))
    }

    /// The best points for a query, best first. The request has no offset: the engine would not pass over any.
    pub(super) fn query(&self, request: QueryRequest) -> Result<Vec<ScoredPoint>, StoreError> {
        call_engine(&self.path, || self.shard.query(request))
    }

    /// Points by id.
    pub(super) fn retrieve(
        &self,
        ids: &[PointId],
        payload: WithPayloadInterface,
        vectors: WithVector,
    ) -> Result<Vec<Record>, StoreError> {
        call_engine(&self.path, || self.shard.retrieve(ids, Some(payload), Some(vectors)))
    }

    /// A page of points in the order of their ids, each once, and where the next page begins.
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

    /// An upsert is not checked as a whole before its first point is written.
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

    /// `EdgeShard::flush` panics where it finds one of two locks taken. The log's is taken by updates, which this
    /// thread makes alone. The segments' is taken by a merge, for moments at its beginning and end; nothing public
    /// keeps a merge from it. But `info` waits for it, so `flush` hardly ever meets it. Where it does, it has done
    /// nothing that can't be done twice and left no lock behind (they don't poison), and is tried again; a panic that
    /// is printed on standard error is all there is to see of it.
    fn flush(&self) -> Result<(), StoreError> {
        let flush = || {
            self.shard.info();
            self.shard.flush();
        };
        flush_with_retry(&self.path, flush).inspect_err(|_| self.abandon())?;
        if let Err(error) = trim_wal(&self.path) {
            tracing::warn!(%error, "the engine's log grows");
        }
        Ok(())
    }

    /// Leaves the shard open until the process ends. A shard flushes when it is dropped, and after a flush that failed
    /// another one can damage the files: what the first one took from memory and didn't write is missing in the second.
    /// Nobody else may open these files meanwhile, so the folder stays locked too.
    fn abandon(&self) {
        mem::forget((Arc::clone(&self.shard), Arc::clone(&self.store_dir)));
    }

    fn write_manifest(&self) {
        // The lengths of before are still true of a file that only grows.
        if let Err(error) = manifest::write(&self.path) {
            tracing::warn!(%error, "a file that is cut short may not be noticed");
        }
    }

    /// A merge writes all segments anew before it drops the old ones.
    fn check_space_to_optimize(&self) -> Result<(), StoreError> {
        check_space_for_copy(&self.path.join(SEGMENTS_DIR))
    }

    fn start_optimize(self: &Arc<Self>, on_end: impl FnOnce() + Send + 'static) -> OptimizeState {
        let engine = Arc::clone(self);
        // The engine is released before the result is there: the writer closes it, if it can.
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

    /// The folder is unlocked when all is written.
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

/// Drops what a merge had made when its process died. The engine doesn't look at it again.
fn remove_partial_merge(shard: &Path) -> Result<(), StoreError> {
    let path = shard.join(TEMP_SEGMENTS_DIR);
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(file_error("remove the leftover", &path, &error)),
        _ => Ok(()),
    }
}
