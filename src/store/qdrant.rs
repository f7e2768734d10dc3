//! A Qdrant server as the store, over its gRPC protocol.
//!
//! The messages and stubs are `qdrant-client`'s; the channel under them is ours. The crate's own connection pool hides
//! a refused connection behind INTERNAL, which Qdrant also answers for faults of its own, and sends some calls a second
//! time by itself. Here the writer decides what is sent again, so every failure must come through as it is.
//!
//! Each call is bounded in time and is one request. Writes wait until Qdrant has applied them (`wait`), and count only
//! if it says so.

mod aliases;
mod collection;
mod config;
mod connection;
mod convert;
mod error;
mod filter;
mod read;
mod sharding;
mod versions;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{
    CollectionClusterInfoRequest, CollectionInfo as RemoteInfo, DeletePoints, GetCollectionInfoRequest, GetPoints,
    ListCollectionsRequest, PointsIdsList, PointsSelector, QueryPoints, ReadConsistencyType, ScrollPoints,
    ShardKeySelector, UpdateResult, UpdateStatus, UpsertPoints, read_consistency,
};

pub use self::config::{ApiKey, InvalidApiKey, InvalidUrl, QdrantConfig, QdrantUrl};
use self::connection::Connection;
use super::{
    CollectionCatalog, CollectionInfo, Page, PointReader, PointWriter, ScrollFrom, SearchQuery, StoreError,
    VectorStore, WithVectors,
};
use crate::types::{CollectionSpec, DIGEST_FIELD, Digest, Point, PointId, StoredPoint, VERSION_FIELD, stored_version};

/// How long a server may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// A Qdrant server.
#[derive(Debug)]
pub struct QdrantStore {
    connection: Connection,
    /// Whether the last consistent read failed for want of replicas, so that it is logged once an outage.
    lacks_replicas: AtomicBool,
}

impl QdrantStore {
    /// Prepares to talk to a server; the first call connects. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if TLS can't be set up.
    pub fn new(config: QdrantConfig) -> Result<Self, StoreError> {
        Ok(Self { connection: Connection::new(config)?, lacks_replicas: AtomicBool::new(false) })
    }

    /// A collection as the server describes it, and its shard keys, which it tells elsewhere.
    async fn described(&self, name: &str, info: Option<RemoteInfo>) -> Result<CollectionInfo, StoreError> {
        let has_shard_keys = sharding::has_shard_keys(info.as_ref());
        let mut info = collection::info(name, info)?;
        if has_shard_keys {
            let request = CollectionClusterInfoRequest { collection_name: name.to_owned() };
            let mut collections = self.connection.collections()?;
            let cluster = self.connection.call(name, collections.collection_cluster_info(request)).await?;
            info.spec.sharding.keys = sharding::shard_keys(cluster);
        }
        Ok(info)
    }

    /// Returns the versions of those of these points that have one.
    async fn versions(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashMap<PointId, i64>, StoreError> {
        let request = GetPoints {
            collection_name: name.to_owned(),
            ids: points.iter().map(|(id, _)| convert::point_id(id)).collect(),
            with_payload: Some(convert::payload_fields(&[VERSION_FIELD])),
            shard_key_selector: self.shards(),
            ..GetPoints::default()
        };
        if points.is_empty() {
            return Ok(HashMap::new());
        }
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.get(request)).await?;
        let found = response.result.into_iter().map(convert::payload_of).collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().filter_map(|(id, payload)| Some((id, stored_version(&payload)?))).collect())
    }

    async fn is_sharded_by_key(&self, name: &str) -> Result<bool, StoreError> {
        let request = GetCollectionInfoRequest { collection_name: name.to_owned() };
        let mut collections = self.connection.collections()?;
        let response = self.connection.call(name, collections.get(request)).await?;
        Ok(sharding::has_shard_keys(response.result.as_ref()))
    }

    /// Creates a shard key, unless it exists: another process may create it at the same time.
    async fn create_shard_key(&self, name: &str, key: &str) -> Result<(), StoreError> {
        let mut collections = self.connection.collections()?;
        let call = collections.create_shard_key(sharding::create_shard_key(name, key));
        let created = match self.connection.call(name, call).await {
            Ok(response) => ensure_done(response.result, "the shard key is created"),
            Err(StoreError::AlreadyExists(_)) => Ok(()),
            Err(error) => Err(error),
        };
        created.map_err(|error| sharding::key_not_created(name, key, error))
    }

    /// Which shards a request is for; `None` leaves it to Qdrant.
    fn shards(&self) -> Option<ShardKeySelector> {
        let key = self.connection.config().shard_key.clone()?;
        Some(ShardKeySelector { shard_keys: vec![key.into()], fallback: None })
    }
}

#[async_trait]
impl CollectionCatalog for QdrantStore {
    /// Qdrant describes a collection by an alias too, but does not say which one it is.
    async fn collection(&self, name: &str) -> Result<Option<CollectionInfo>, StoreError> {
        let aliases = self.aliases().await?;
        let name = aliases.get(name).map_or(name, String::as_str);
        let request = GetCollectionInfoRequest { collection_name: name.to_owned() };
        let mut collections = self.connection.collections()?;
        match self.connection.call(name, collections.get(request)).await {
            Ok(response) => self.described(name, response.result).await.map(Some),
            Err(StoreError::CollectionNotFound(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn collections(&self) -> Result<Vec<CollectionInfo>, StoreError> {
        let mut collections = self.connection.collections()?;
        let response = self.connection.call("", collections.list(ListCollectionsRequest {})).await?;
        let mut names: Vec<_> = response.collections.into_iter().map(|collection| collection.name).collect();
        names.sort_unstable();
        let mut described = Vec::new();
        for name in names {
            let request = GetCollectionInfoRequest { collection_name: name.clone() };
            let description = match self.connection.call(&name, collections.get(request)).await {
                Ok(response) => self.described(&name, response.result).await,
                Err(error) => Err(error),
            };
            match description {
                Ok(info) => described.push(info),
                // It was deleted meanwhile, or has no sparse vector.
                Err(StoreError::CollectionNotFound(_) | StoreError::Refused(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(described)
    }

    async fn create_collection(&self, name: &str, spec: &CollectionSpec) -> Result<(), StoreError> {
        let keys = &spec.sharding.keys;
        if let Err(error) = sharding::check_shard_keys(keys, self.connection.config().shard_key.as_deref()) {
            return match self.collection(name).await? {
                Some(_) => Err(StoreError::AlreadyExists(name.to_owned())),
                None => Err(error),
            };
        }
        let mut collections = self.connection.collections()?;
        let response = self.connection.call(name, collections.create(collection::create(name, spec))).await?;
        ensure_done(response.result, "the collection is created")?;
        for key in keys {
            self.create_shard_key(name, key).await?;
        }
        Ok(())
    }

    /// Creates the shard keys that a collection lacks. A collection and its keys are created one after the other, so a
    /// process that died in between leaves a collection that nothing can be written to.
    async fn complete_collection(&self, info: &CollectionInfo, requested: &CollectionSpec) -> Result<(), StoreError> {
        let Some(carried) = self.connection.config().shard_key.as_deref() else { return Ok(()) };
        let (existing, requested) = (&info.spec.sharding.keys, &requested.sharding.keys);
        let missing = sharding::missing_keys(existing, requested, carried);
        if missing.is_empty() {
            return Ok(());
        }
        if existing.is_empty() && !self.is_sharded_by_key(&info.name).await? {
            return Err(sharding::not_sharded_by_key(&info.name, carried));
        }
        for key in missing {
            self.create_shard_key(&info.name, key).await?;
        }
        Ok(())
    }

    async fn aliases(&self) -> Result<BTreeMap<String, String>, StoreError> {
        aliases::list(&self.connection).await
    }

    async fn set_alias(&self, alias: &str, collection: &str) -> Result<(), StoreError> {
        aliases::set(&self.connection, alias, collection).await
    }

    async fn delete_alias(&self, alias: &str) -> Result<(), StoreError> {
        aliases::delete(&self.connection, alias).await
    }
}

#[async_trait]
impl PointReader for QdrantStore {
    async fn search(&self, name: &str, query: SearchQuery) -> Result<Vec<StoredPoint>, StoreError> {
        // Qdrant refuses both.
        if query.vector.is_empty() || query.limit == 0 {
            return Ok(Vec::new());
        }
        let request = QueryPoints {
            collection_name: name.to_owned(),
            query: Some(convert::query(query.vector)),
            using: Some(query.vector_name),
            filter: query.filter.map(filter::filter),
            // Qdrant passes what is above its threshold; ours is the least score that passes.
            score_threshold: query.score_threshold.map(f32::next_down),
            limit: Some(query.limit as u64),
            offset: Some(query.offset as u64),
            with_vectors: convert::vectors_selector(&query.vectors),
            with_payload: Some(convert::payload_selector(query.with_payload)),
            shard_key_selector: self.shards(),
            ..QueryPoints::default()
        };
        self.query(name, request, &query.vectors).await
    }

    async fn retrieve(
        &self,
        name: &str,
        ids: &[PointId],
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let request = GetPoints {
            collection_name: name.to_owned(),
            ids: ids.iter().map(convert::point_id).collect(),
            with_payload: Some(convert::payload_selector(true)),
            with_vectors: convert::vectors_selector(vectors),
            shard_key_selector: self.shards(),
            ..GetPoints::default()
        };
        self.get(name, request, vectors).await
    }

    async fn scroll(&self, name: &str, from: ScrollFrom) -> Result<Page, StoreError> {
        let ScrollFrom { from, limit, vectors } = from;
        let request = ScrollPoints {
            collection_name: name.to_owned(),
            offset: from.as_ref().map(convert::point_id),
            limit: Some(u32::try_from(limit).unwrap_or(u32::MAX)),
            with_payload: Some(convert::payload_selector(true)),
            with_vectors: convert::vectors_selector(&vectors),
            shard_key_selector: self.shards(),
            ..ScrollPoints::default()
        };
        self.page(name, request, &vectors).await
    }
}

#[async_trait]
impl PointWriter for QdrantStore {
    async fn upsert(&self, name: &str, vector_name: &str, points: &[Point]) -> Result<(), StoreError> {
        if points.is_empty() {
            return Ok(());
        }
        let request = UpsertPoints {
            collection_name: name.to_owned(),
            wait: Some(true),
            points: points.iter().map(|point| convert::point(point, vector_name)).collect(),
            shard_key_selector: self.shards(),
            ..UpsertPoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.upsert(request)).await?;
        ensure_applied(response.result)
    }

    /// The condition goes with the upsert, so that it holds against other writers of the collection. What they wrote is read
    /// before and after.
    async fn upsert_newer(
        &self,
        name: &str,
        vector_name: &str,
        points: &[Point],
    ) -> Result<HashSet<PointId>, StoreError> {
        versions::check_server(&self.connection).await?;
        let given = versions::of(points);
        let stored = self.versions(name, &given).await?;
        let mut kept = versions::compare(&given, &stored, |stored, given| stored >= given);
        let newer: Vec<_> = points.iter().filter(|point| !kept.contains(&point.id)).collect();
        if newer.is_empty() {
            return Ok(kept);
        }
        let written: Vec<_> = given.into_iter().filter(|(id, _)| !kept.contains(id)).collect();
        let request = UpsertPoints {
            collection_name: name.to_owned(),
            wait: Some(true),
            points: newer.into_iter().map(|point| convert::point(point, vector_name)).collect(),
            shard_key_selector: self.shards(),
            update_filter: Some(filter::filter(versions::older(&written))),
            ..UpsertPoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.upsert(request)).await?;
        ensure_applied(response.result)?;
        let stored = self.versions(name, &written).await?;
        kept.extend(versions::compare(&written, &stored, |stored, written| stored > written));
        Ok(kept)
    }

    async fn delete(&self, name: &str, ids: &[PointId]) -> Result<(), StoreError> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = ids.iter().map(convert::point_id).collect();
        let selector =
            PointsSelector { points_selector_one_of: Some(PointsSelectorOneOf::Points(PointsIdsList { ids })) };
        let request = DeletePoints {
            collection_name: name.to_owned(),
            wait: Some(true),
            points: Some(selector),
            shard_key_selector: self.shards(),
            ..DeletePoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.delete(request)).await?;
        ensure_applied(response.result)
    }

    async fn delete_older(&self, name: &str, points: &[(PointId, i64)]) -> Result<HashSet<PointId>, StoreError> {
        if points.is_empty() {
            return Ok(HashSet::new());
        }
        let older = filter::filter(versions::older(points));
        let selector = PointsSelector { points_selector_one_of: Some(PointsSelectorOneOf::Filter(older)) };
        let request = DeletePoints {
            collection_name: name.to_owned(),
            wait: Some(true),
            points: Some(selector),
            shard_key_selector: self.shards(),
            ..DeletePoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.delete(request)).await?;
        ensure_applied(response.result)?;
        let stored = self.versions(name, points).await?;
        Ok(versions::compare(points, &stored, |stored, given| stored >= given))
    }

    /// Asks all replicas: one that lags behind would answer with the digest of a point that was deleted or replaced
    /// since, and the document would be UNCHANGED though it is not stored. With `All`, Qdrant returns only points that
    /// all replicas have alike; a point that is left out is written again, which is always correct. With one replica it
    /// costs nothing.
    ///
    /// Qdrant counts all replicas, not the active ones: while one is away, or is still being filled, it answers
    /// INTERNAL. Writes go on then, so documents are not held up for it: nothing is known of them, and they are encoded
    /// again.
    async fn digests(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let request = GetPoints {
            collection_name: name.to_owned(),
            ids: ids.iter().map(convert::point_id).collect(),
            with_payload: Some(convert::payload_fields(&[DIGEST_FIELD, VERSION_FIELD])),
            read_consistency: Some(read_consistency::Value::Type(ReadConsistencyType::All.into()).into()),
            shard_key_selector: self.shards(),
            ..GetPoints::default()
        };
        let mut client = self.connection.points()?;
        let response = match self.connection.call(name, client.get(request)).await {
            Err(StoreError::Internal(error)) => {
                if !self.lacks_replicas.swap(true, Ordering::Relaxed) {
                    tracing::warn!(
                        collection = name,
                        error,
                        "replicas can't confirm digests; skip_unchanged skips nothing"
                    );
                }
                return Ok(HashMap::new());
            }
            answer => answer?,
        };
        self.lacks_replicas.store(false, Ordering::Relaxed);
        let digests = response.result.into_iter().map(convert::digest).collect::<Result<Vec<_>, _>>()?;
        Ok(digests.into_iter().filter_map(|(id, digest)| Some((id, digest?))).collect())
    }

    /// A server that answers new calls reads what earlier connections left in its buffers soon after; a server that is
    /// frozen or away does not, so it is asked first. See [`QdrantConfig::settle_time`] for the bound.
    async fn settled(&self) -> Result<(), StoreError> {
        self.ready().await?;
        tokio::time::sleep(self.connection.config().settle_time).await;
        Ok(())
    }
}

#[async_trait]
impl VectorStore for QdrantStore {
    /// Lists the collections. Qdrant answers its health check without looking at the API key, so that a wrong one
    /// would go unseen.
    async fn ready(&self) -> Result<(), StoreError> {
        let mut collections = self.connection.collections()?;
        let timeout = READY_TIMEOUT.min(self.connection.config().timeout);
        self.connection.within(timeout, "", collections.list(ListCollectionsRequest {})).await?;
        Ok(())
    }

    /// Lets go of the connection. There is nothing to write out: what was confirmed is written.
    async fn close(&self) -> Result<(), StoreError> {
        self.connection.close();
        Ok(())
    }
}

/// Returns an error unless a write was applied, the same for an upsert and for a delete.
///
/// Qdrant waits for the write without a limit of its own, since the requests have no timeout. It still answers
/// Acknowledged (in the log of each replica, not applied yet) where a replica only listens, and WaitTimeout (applied,
/// or in the log, not visible yet) where its update worker was restarted meanwhile. Either write is applied, in the
/// order of the log, unless the engine then fails on it; neither is confirmed as visible, and the log is not known to
/// be flushed. So neither counts: the outcome is unknown, and the write is sent again, after the first in the same log.
fn ensure_applied(result: Option<UpdateResult>) -> Result<(), StoreError> {
    match result.map(|result| result.status()) {
        Some(UpdateStatus::Completed) => Ok(()),
        Some(other) => {
            Err(StoreError::Timeout(format!("Qdrant answered {} instead of Completed", other.as_str_name())))
        }
        None => Err(StoreError::Failed("Qdrant answered a write without a result".to_owned())),
    }
}

/// Returns an error if Qdrant's answer to a change of a collection is not that it was made.
fn ensure_done(done: bool, what: &str) -> Result<(), StoreError> {
    if done { Ok(()) } else { Err(StoreError::Timeout(format!("Qdrant did not confirm that {what}"))) }
}
