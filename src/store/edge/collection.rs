//! An open collection: writes are sent to its writer thread, reads block the calling thread.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use qdrant_edge::{Payload, WithPayloadInterface, WithVector};
use tokio::sync::{mpsc, oneshot};

use super::convert::{from_engine_id, from_engine_point, to_engine_id, to_engine_points};
use super::directory::StoreDirectory;
use super::durability::DurabilityTracker;
use super::engine::Engine;
use super::journal::Journal;
use super::manifest::{self, Shutdown};
use super::point_change::PointChange;
use super::query::{select_payload_fields, to_engine_query, to_vector_selector};
use super::repair::recover;
use super::shard_engine::ShardEngine;
use super::spec_file::read_spec;
use super::writer::{CollectionWriter, WriteRequest, WriterMessage, WriterThread};
use crate::store::{CollectionInfo, PointPage, ScrollQuery, SearchQuery, StoreError, WithVectors};
use crate::types::{
    CollectionSpec, DIGEST_FIELD, Digest, Point, PointId, StoredPoint, VERSION_FIELD, read_stored_version,
};

#[derive(Debug)]
pub(super) struct EdgeCollection {
    name: String,
    spec: CollectionSpec,
    /// Declared before `writer_tx`, because fields are dropped in declaration order: the writer ends when `writer_tx` is
    /// dropped, and must then hold the last reference to the engine to close it.
    engine: Arc<Engine>,
    durability: Arc<DurabilityTracker>,
    writer_tx: mpsc::Sender<WriterMessage>,
}

impl EdgeCollection {
    /// Opens a collection, repairs it if the previous process crashed, and starts its writer.
    pub(super) fn open(
        name: &str,
        store_dir: &Arc<StoreDirectory>,
        optimize_after_points: usize,
    ) -> Result<(Self, WriterThread), StoreError> {
        let path = store_dir.collection_path(name);
        let spec = read_spec(&path)?;
        let has_crashed = Journal::exists_in(&path);
        manifest::check(&path, if has_crashed { Shutdown::Crashed } else { Shutdown::Clean })?;
        // Must precede any file change by the engine: from here on the files may differ from the manifest.
        let mut journal = Journal::open(&path)?;
        let engine = Arc::new(Engine::open(&path, store_dir.clone())?);
        if has_crashed {
            tracing::warn!(collection = name, "collection was not shut down cleanly; repairing");
            recover(&*engine, &mut journal)?;
        }
        let durability = Arc::default();
        let (writer_tx, writer) =
            CollectionWriter::spawn(engine.clone(), journal, Arc::clone(&durability), optimize_after_points).map_err(
                |error| {
                    StoreError::Failed(format!(
                        "failed to start the writer thread of collection `{name}` ({error}); raise the limit of threads"
                    ))
                },
            )?;
        Ok((Self { name: name.to_owned(), spec, engine, durability, writer_tx }, writer))
    }

    /// Checks that changes can still be made durable.
    pub(super) fn check_in_service(&self) -> Result<(), StoreError> {
        self.durability.check_in_service()
    }

    pub(super) async fn upsert(self: Arc<Self>, vector_name: &str, points: &[Point]) -> Result<(), StoreError> {
        self.check_vector_name(vector_name)?;
        let points = to_engine_points(&self.spec, points)?;
        self.write(PointChange::Upsert(points)).await
    }

    pub(super) async fn delete(self: Arc<Self>, ids: &[PointId]) -> Result<(), StoreError> {
        self.write(PointChange::Delete(ids.iter().copied().map(to_engine_id).collect())).await
    }

    /// Sends a change to the writer and waits for its reply. Releases the collection before waiting, so that a caller that
    /// stops polling can't prevent the store from closing.
    async fn write(self: Arc<Self>, change: PointChange) -> Result<(), StoreError> {
        if change.len() == 0 {
            return Ok(());
        }
        let writer_died = StoreError::Failed(format!(
            "the writer thread of {} panicked; restart this process",
            self.engine.path().display()
        ));
        let (reply, response) = oneshot::channel();
        let send_result = self.writer_tx.send(WriterMessage::Write(WriteRequest { change, reply })).await;
        drop(self);
        match send_result {
            Ok(()) => response.await.unwrap_or(Err(writer_died)),
            Err(_) => Err(writer_died),
        }
    }

    /// Returns the description of the collection. Blocks.
    pub(super) fn info(&self) -> Result<CollectionInfo, StoreError> {
        let point_count = self.engine.point_count()? as u64;
        Ok(CollectionInfo { name: self.name.clone(), spec: self.spec.clone(), point_count })
    }

    /// Returns the points with the highest dot product with the query vector. Blocks.
    pub(super) fn search(&self, query: SearchQuery) -> Result<Vec<StoredPoint>, StoreError> {
        self.check_vector_name(&query.vector_name)?;
        if query.vector.is_empty() || query.limit == 0 {
            return Ok(Vec::new());
        }
        let (offset, vectors) = (query.offset, query.vectors.clone());
        let found = self.engine.query(to_engine_query(query)?)?;
        let hits = found.into_iter().skip(offset);
        Ok(hits.map(|hit| from_engine_point(hit.id, hit.score, hit.payload, hit.vector, &vectors)).collect())
    }

    /// Returns points by id, with payload. Blocks.
    pub(super) fn retrieve(&self, ids: &[PointId], vectors: &WithVectors) -> Result<Vec<StoredPoint>, StoreError> {
        if let Some(name) = &vectors.sparse {
            self.check_vector_name(name)?;
        }
        let ids: Vec<_> = ids.iter().copied().map(to_engine_id).collect();
        let found = self.engine.retrieve(&ids, WithPayloadInterface::Bool(true), to_vector_selector(vectors))?;
        let points = found.into_iter();
        Ok(points.map(|point| from_engine_point(point.id, 0.0, point.payload, point.vector, vectors)).collect())
    }

    /// Returns a page of points in id order. Blocks.
    pub(super) fn scroll(&self, query: ScrollQuery) -> Result<PointPage, StoreError> {
        let ScrollQuery { from, limit, vectors } = query;
        let (payload, with_vector) = (WithPayloadInterface::Bool(true), to_vector_selector(&vectors));
        let (found, next) = self.engine.scroll(from.map(to_engine_id), limit, payload, with_vector)?;
        let points =
            found.into_iter().map(|point| from_engine_point(point.id, 0.0, point.payload, point.vector, &vectors));
        Ok(PointPage { points: points.collect(), next: next.map(from_engine_id) })
    }

    /// Returns the digests of points whose latest change is durable. Blocks.
    pub(super) fn read_digests(&self, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
        let ids: Vec<_> = ids.iter().copied().map(to_engine_id).collect();
        let found = self.durability.read_durable(|| {
            let found = self.engine.retrieve(
                &ids,
                select_payload_fields(&[DIGEST_FIELD, VERSION_FIELD]),
                WithVector::Bool(false),
            )?;
            Ok(found.into_iter().map(|point| (point.id, point.payload)).collect())
        })?;
        let to_digest =
            |(id, payload): (_, Option<Payload>)| Some((from_engine_id(id), Digest::from_payload(&payload?.0)?));
        Ok(found.into_iter().filter_map(to_digest).collect())
    }

    /// Returns the points whose stored version is equal to or newer than the given one. Blocks.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if one of these versions is not durable yet: a crash could still revert it.
    pub(super) fn find_not_older(&self, points: &[(PointId, i64)]) -> Result<HashSet<PointId>, StoreError> {
        let ids: Vec<_> = points.iter().map(|(id, _)| to_engine_id(*id)).collect();
        let read = || -> Result<HashMap<_, _>, StoreError> {
            let found = self.engine.retrieve(&ids, select_payload_fields(&[VERSION_FIELD]), WithVector::Bool(false))?;
            Ok(found.into_iter().map(|point| (point.id, point.payload)).collect())
        };
        let to_version =
            |(id, payload): (_, Option<Payload>)| Some((from_engine_id(id), read_stored_version(&payload?.0)?));
        let visible: HashMap<PointId, i64> = read()?.into_iter().filter_map(to_version).collect();
        let is_not_older = |(id, given): &&(PointId, i64)| visible.get(id).is_some_and(|stored| stored >= given);
        let not_older: HashSet<PointId> = points.iter().filter(is_not_older).map(|(id, _)| *id).collect();
        if not_older.is_empty() {
            return Ok(not_older);
        }
        // A skipped write is confirmed to the client, so the version that caused it must be durable.
        let durable: HashMap<PointId, i64> =
            self.durability.read_durable(read)?.into_iter().filter_map(to_version).collect();
        match not_older.iter().all(|id| durable.get(id) == visible.get(id)) {
            true => Ok(not_older),
            false => Err(StoreError::Unavailable("a newer version of the document is being written".to_owned())),
        }
    }

    fn check_vector_name(&self, name: &str) -> Result<(), StoreError> {
        let known = &self.spec.vector_name;
        if name == known {
            return Ok(());
        }
        Err(StoreError::Refused(format!("the collection has no sparse vector `{name}`; use its vector `{known}`")))
    }
}
