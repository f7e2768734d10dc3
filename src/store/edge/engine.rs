//! One shard of the engine, as the rest of the store may use it: every panic becomes an error.
//!
//! What qdrant-edge 0.7.2 does, and what is made of it here:
//! - `update` writes the engine's log and memory; `load` doesn't replay the log. So only what was flushed survives the
//!   process, and a write is confirmed after [`Engine::flush`].
//! - `flush` takes two locks by `try_lock().expect(…)`. See there.
//! - The log is never shortened. It is not read again either, so after a flush its old parts are dropped ([`trim_log`]).
//! - `query` adds the offset to the limit and then forgets it. See [`Engine::query`].
//! - `optimize` merges segments while updates go on, and tells nobody on disk. See repair.rs.

use std::any::Any;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qdrant_edge::{
    Condition, CountRequest, EdgeShard, Filter, HasIdCondition, OperationError, OperationResult, Payload, PayloadOps,
    PointId, PointInsertOperations, PointOperations, PointStructPersisted, QueryRequest, Record, ScoredPoint,
    ScrollRequest, SetPayloadOp, UpdateOperation, WithPayloadInterface, WithVector,
};

use super::convert::engine_config;
use super::files::{Folder, check_free_space, failed};
use crate::store::StoreError;
use crate::types::CollectionSpec;

const LOG: &str = "wal";
const HALF_MERGED: &str = "temp_segments";

/// What `flush` panics with where a merge holds the lock.
const LOCKED: &str = "segment holder lock acquired";

/// How often a flush that met a merge's lock is tried. A merge takes it twice, for milliseconds.
const FLUSH_ATTEMPTS: usize = 100;

/// One open shard. Its calls block.
#[derive(Debug)]
pub(super) struct Engine {
    shard: EdgeShard,
    path: PathBuf,
    /// The folder stays locked for as long as the shard is open.
    _folder: Arc<Folder>,
}

/// A change of points.
#[derive(Debug)]
pub(super) enum Change {
    Upsert(Vec<PointStructPersisted>),
    Delete(Vec<PointId>),
}

impl Change {
    /// How many points it is about.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Upsert(points) => points.len(),
            Self::Delete(ids) => ids.len(),
        }
    }
}

impl Engine {
    /// Makes the files of a new shard in an empty folder.
    pub(super) fn create(path: &Path, spec: &CollectionSpec) -> Result<(), StoreError> {
        let config = engine_config(spec)?;
        guard(path, || EdgeShard::new(path, config).map(drop))
    }

    /// Opens the shard in a folder. Nothing may have it open.
    pub(super) fn open(path: &Path, folder: Arc<Folder>) -> Result<Self, StoreError> {
        trim_log(path)?;
        drop_half_merged(path)?;
        let shard = guard(path, || EdgeShard::load(path, None)).map_err(|error| {
            let path = path.display();
            let remedy = "restore its folder, or move it out of the store";
            StoreError::Failed(format!("the collection in {path} can't be opened; {remedy} ({error})"))
        })?;
        Ok(Self { shard, path: path.to_owned(), _folder: folder })
    }

    /// Where its files are.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Changes points, in memory. An upsert is not checked as a whole before its first point is written.
    pub(super) fn apply(&self, change: Change) -> Result<(), StoreError> {
        check_free_space(&self.path)?;
        let operation = match change {
            Change::Upsert(points) => PointOperations::UpsertPoints(PointInsertOperations::PointsList(points)),
            Change::Delete(ids) => PointOperations::DeletePoints { ids },
        };
        guard(&self.path, || self.shard.update(UpdateOperation::PointOperation(operation)))
    }

    /// Leaves of each of these points only the newest copy, where an interrupted merge left several. All must exist.
    ///
    /// Any change of a point does that; this one adds nothing to its payload.
    pub(super) fn drop_old_copies(&self, points: Vec<PointId>) -> Result<(), StoreError> {
        let nothing = SetPayloadOp { payload: Payload::default(), points: Some(points), filter: None, key: None };
        let operation = UpdateOperation::PayloadOperation(PayloadOps::SetPayload(nothing));
        guard(&self.path, || self.shard.update(operation))
    }

    /// Makes all that was changed so far durable. Only one thread may change or flush.
    ///
    /// `EdgeShard::flush` panics where it finds one of two locks taken. The log's is taken by updates, which this
    /// thread makes alone. The segments' is taken by a merge, for moments, and nothing that is public waits for it and
    /// keeps it; but `info` waits for it, so that `flush` hardly ever meets it. Where it does, nothing has been done
    /// that can't be done twice, no lock is left behind (they don't poison), and it is tried again.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        for _ in 0..FLUSH_ATTEMPTS {
            let flush = || {
                self.shard.info();
                self.shard.flush();
            };
            match panic::catch_unwind(AssertUnwindSafe(flush)) {
                Ok(()) => return trim_log(&self.path),
                Err(panic) if message(&panic) == LOCKED => tracing::debug!("a flush met a merge; trying again"),
                Err(panic) => return Err(broken(&self.path, &panic)),
            }
        }
        Err(StoreError::Failed(format!(
            "the engine's segments in {} stay locked; restart this process",
            self.path.display()
        )))
    }

    /// Merges and indexes segments where that is due. Changes and reads go on meanwhile.
    pub(super) fn merge(&self) -> Result<(), StoreError> {
        guard(&self.path, || self.shard.optimize().map(drop))
    }

    /// How many points there are.
    pub(super) fn point_count(&self) -> Result<usize, StoreError> {
        // `count` estimates, or reads every id; this adds up what the segments know.
        guard(&self.path, || Ok(self.shard.info().points_count))
    }

    /// The best points for a query, best first. The request has no offset: the engine would not pass over any.
    pub(super) fn query(&self, request: QueryRequest) -> Result<Vec<ScoredPoint>, StoreError> {
        guard(&self.path, || self.shard.query(request))
    }

    /// Points by id, with their payloads.
    pub(super) fn retrieve(&self, ids: &[PointId], vectors: WithVector) -> Result<Vec<Record>, StoreError> {
        let payload = WithPayloadInterface::Bool(true);
        guard(&self.path, || self.shard.retrieve(ids, Some(payload), Some(vectors)))
    }

    /// A page of ids in ascending order, each once, and where the next page begins.
    pub(super) fn ids(
        &self,
        from: Option<PointId>,
        limit: usize,
    ) -> Result<(Vec<PointId>, Option<PointId>), StoreError> {
        let request = ScrollRequest {
            offset: from,
            limit: Some(limit),
            with_payload: Some(WithPayloadInterface::Bool(false)),
            ..ScrollRequest::default()
        };
        let (records, next) = guard(&self.path, || self.shard.scroll(request))?;
        Ok((records.into_iter().map(|record| record.id).collect(), next))
    }

    /// How many copies there are of these points, in all segments.
    pub(super) fn copies(&self, ids: &[PointId]) -> Result<usize, StoreError> {
        let ids: HasIdCondition = ids.iter().copied().collect();
        let filter = Some(Filter::new_must(Condition::HasId(ids)));
        guard(&self.path, || self.shard.count(CountRequest { filter, exact: true }))
    }
}

/// Runs a call of the engine.
fn guard<T>(path: &Path, call: impl FnOnce() -> OperationResult<T>) -> Result<T, StoreError> {
    match panic::catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(store_error(path, &error)),
        Err(panic) => Err(broken(path, &panic)),
    }
}

fn store_error(path: &Path, error: &OperationError) -> StoreError {
    match error {
        OperationError::ServiceError { .. }
        | OperationError::InconsistentStorage { .. }
        | OperationError::OutOfMemory { .. }
        | OperationError::Cancelled { .. }
        | OperationError::Timeout { .. } => {
            StoreError::Failed(format!("{error}; check the disk of {} and restart this process", path.display()))
        }
        _ => StoreError::Refused(error.to_string()),
    }
}

fn broken(path: &Path, panic: &(dyn Any + Send)) -> StoreError {
    let (message, path) = (message(panic), path.display());
    StoreError::Failed(format!("the engine broke off in {path}: {message}; check the disk and restart this process"))
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given")
}

/// Drops the parts of the engine's log that it has closed, but the last, by which it goes on numbering.
///
/// The engine only appends to the open part. It keeps the closed ones mapped, so removing them frees their space only
/// when the shard is closed; cutting them short frees it now.
fn trim_log(shard: &Path) -> Result<(), StoreError> {
    let log = shard.join(LOG);
    let trim = || -> io::Result<()> {
        let mut closed = Vec::new();
        for entry in fs::read_dir(&log)? {
            let path = entry?.path();
            let number = path.file_name().and_then(|name| name.to_str()?.strip_prefix("closed-")?.parse::<u64>().ok());
            closed.extend(number.map(|number| (number, path)));
        }
        closed.sort_unstable();
        closed.pop();
        for (_, path) in closed {
            File::options().write(true).open(&path)?.set_len(0)?;
            fs::remove_file(&path)?;
        }
        Ok(())
    };
    trim().map_err(|error| failed("shorten the log", &log, &error))
}

/// Drops what a merge had made when its process died. The engine doesn't look at it again.
fn drop_half_merged(shard: &Path) -> Result<(), StoreError> {
    let path = shard.join(HALF_MERGED);
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("remove the leftover", &path, &error)),
        _ => Ok(()),
    }
}
