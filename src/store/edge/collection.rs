//! One open collection: writes go to its writer's thread, reads block the thread that asks.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use qdrant_edge::{Payload, WithPayloadInterface, WithVector};
use tokio::sync::{mpsc, oneshot};

use super::change::Change;
use super::convert::{engine_id, engine_points, point_id, stored_point};
use super::directory::StoreDirectory;
use super::durability::DurabilityTracker;
use super::engine::Engine;
use super::inventory::{self, Left};
use super::journal::Journal;
use super::query::{engine_query, payload_fields, with_vectors};
use super::repair::recover;
use super::shard::Shard;
use super::spec_file::read_spec;
use super::writer::{Message, Write, Writer, WriterThread};
use crate::store::{CollectionInfo, Page, ScrollFrom, SearchQuery, StoreError, WithVectors};
use crate::types::{CollectionSpec, DIGEST_FIELD, Digest, Point, PointId, StoredPoint, VERSION_FIELD, stored_version};

#[derive(Debug)]
pub(super) struct Collection {
    name: String,
    spec: CollectionSpec,
    /// Before the outbox: fields are dropped in order, and so the writer, which ends with the outbox, is the last to
    /// have the engine and closes it.
    engine: Arc<Engine>,
    durability: Arc<DurabilityTracker>,
    outbox: mpsc::Sender<Message>,
}

impl Collection {
    /// Opens a collection, puts it in order if the last run died, and starts its writer.
    pub(super) fn open(
        name: &str,
        folder: &Arc<StoreDirectory>,
        merge_every: usize,
    ) -> Result<(Self, WriterThread), StoreError> {
        let path = folder.collection(name);
        let spec = read_spec(&path)?;
        let died = Journal::is_left_in(&path);
        inventory::check(&path, if died { Left::ByDeath } else { Left::InOrder })?;
        // Before the engine changes a file: from here on the collection is not as the inventory says.
        let mut journal = Journal::open(&path)?;
        let engine = Arc::new(Engine::open(&path, folder.clone())?);
        if died {
            tracing::warn!(collection = name, "was not closed in order; repairing it");
            recover(&*engine, &mut journal)?;
        }
        let durability = Arc::default();
        let (outbox, writer) = Writer::spawn(engine.clone(), journal, Arc::clone(&durability), merge_every)
            .map_err(|error| StoreError::Failed(format!("no thread could be started ({error}); raise the limit")))?;
        Ok((Self { name: name.to_owned(), spec, engine, durability, outbox }, writer))
    }

    /// Checks that changes can still be made durable.
    pub(super) fn check_in_service(&self) -> Result<(), StoreError> {
        self.durability.check()
    }

    pub(super) async fn upsert(self: Arc<Self>, vector_name: &str, points: &[Point]) -> Result<(), StoreError> {
        self.check_vector_name(vector_name)?;
        let points = engine_points(&self.spec, points)?;
        self.write(Change::Upsert(points)).await
    }

    pub(super) async fn delete(self: Arc<Self>, ids: &[PointId]) -> Result<(), StoreError> {
        self.write(Change::Delete(ids.iter().copied().map(engine_id).collect())).await
    }

    /// Sends a change to the writer, and lets go of the collection while it waits: a caller that never takes the answer
    /// must not keep the store from closing.
    async fn write(self: Arc<Self>, change: Change) -> Result<(), StoreError> {
        if change.len() == 0 {
            return Ok(());
        }
        let writer_died = StoreError::Failed(format!(
            "the writer of {} has died; restart this process",
            self.engine.path().display()
        ));
        let (done, answer) = oneshot::channel();
        let sent = self.outbox.send(Message::Write(Write { change, done })).await;
        drop(self);
        match sent {
            Ok(()) => answer.await.unwrap_or(Err(writer_died)),
            Err(_) => Err(writer_died),
        }
    }

    /// Blocks.
    pub(super) fn info(&self) -> Result<CollectionInfo, StoreError> {
        let point_count = self.engine.point_count()? as u64;
        Ok(CollectionInfo { name: self.name.clone(), spec: self.spec.clone(), point_count })
    }

    /// Blocks.
    pub(super) fn search(&self, query: SearchQuery) -> Result<Vec<StoredPoint>, StoreError> {
        self.check_vector_name(&query.vector_name)?;
        if query.vector.is_empty() || query.limit == 0 {
            return Ok(Vec::new());
        }
        let (offset, vectors) = (query.offset, query.vectors.clone());
        let found = self.engine.query(engine_query(query)?)?;
        let hits = found.into_iter().skip(offset);
        Ok(hits.map(|hit| stored_point(hit.id, hit.score, hit.payload, hit.vector, &vectors)).collect())
    }

    /// Blocks.
    pub(super) fn retrieve(&self, ids: &[PointId], vectors: &WithVectors) -> Result<Vec<StoredPoint>, StoreError> {
        if let Some(name) = &vectors.sparse {
            self.check_vector_name(name)?;
        }
        let ids: Vec<_> = ids.iter().copied().map(engine_id).collect();
        let found = self.engine.retrieve(&ids, WithPayloadInterface::Bool(true), with_vectors(vectors))?;
        let points = found.into_iter();
        Ok(points.map(|point| stored_point(point.id, 0.0, point.payload, point.vector, vectors)).collect())
    }

    /// Blocks.
    pub(super) fn scroll(&self, scroll: ScrollFrom) -> Result<Page, StoreError> {
        let ScrollFrom { from, limit, vectors } = scroll;
        let (payload, wanted) = (WithPayloadInterface::Bool(true), with_vectors(&vectors));
        let (found, next) = self.engine.scroll(from.map(engine_id), limit, payload, wanted)?;
        let points = found.into_iter().map(|point| stored_point(point.id, 0.0, point.payload, point.vector, &vectors));
        Ok(Page { points: points.collect(), next: next.map(point_id) })
    }

    /// Digests of points that are durable: a kill at this instant undoes none of them. Blocks.
    pub(super) fn digests(&self, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
        let ids: Vec<_> = ids.iter().copied().map(engine_id).collect();
        let found = self.durability.read_durable(|| {
            let found =
                self.engine.retrieve(&ids, payload_fields(&[DIGEST_FIELD, VERSION_FIELD]), WithVector::Bool(false))?;
            Ok(found.into_iter().map(|point| (point.id, point.payload)).collect())
        })?;
        let digest = |(id, payload): (_, Option<Payload>)| Some((point_id(id), Digest::of_stored(&payload?.0)?));
        Ok(found.into_iter().filter_map(digest).collect())
    }

    /// Returns the points whose stored version is not older than the given one. Blocks.
    ///
    /// # Errors
    /// If one of these versions is not durable: nothing may be said of it yet.
    pub(super) fn not_older(&self, points: &[(PointId, i64)]) -> Result<HashSet<PointId>, StoreError> {
        let ids: Vec<_> = points.iter().map(|(id, _)| engine_id(*id)).collect();
        let read = || -> Result<HashMap<_, _>, StoreError> {
            let found = self.engine.retrieve(&ids, payload_fields(&[VERSION_FIELD]), WithVector::Bool(false))?;
            Ok(found.into_iter().map(|point| (point.id, point.payload)).collect())
        };
        let version = |(id, payload): (_, Option<Payload>)| Some((point_id(id), stored_version(&payload?.0)?));
        let visible: HashMap<PointId, i64> = read()?.into_iter().filter_map(version).collect();
        let is_not_older = |(id, given): &&(PointId, i64)| visible.get(id).is_some_and(|stored| stored >= given);
        let not_older: HashSet<PointId> = points.iter().filter(is_not_older).map(|(id, _)| *id).collect();
        if not_older.is_empty() {
            return Ok(not_older);
        }
        let durable: HashMap<PointId, i64> =
            self.durability.read_durable(read)?.into_iter().filter_map(version).collect();
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
        Err(StoreError::Refused(format!("the collection has no sparse vector `{name}`; its own is `{known}`")))
    }
}
