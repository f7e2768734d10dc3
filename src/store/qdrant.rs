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
mod sharding;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use qdrant_client::qdrant::{
    CollectionClusterInfoRequest, CollectionInfo as RemoteInfo, DeletePoints, GetCollectionInfoRequest, GetPoints,
    ListCollectionsRequest, PointsIdsList, PointsSelector, QueryPoints, ScrollPoints, ShardKeySelector, UpdateResult,
    UpdateStatus, UpsertPoints,
};

pub use self::config::{ApiKey, InvalidApiKey, InvalidUrl, QdrantConfig, QdrantUrl};
use self::connection::Connection;
use super::{CollectionInfo, Page, ScrollFrom, SearchQuery, StoreError, VectorStore};
use crate::types::{CollectionSpec, DIGEST_FIELD, Digest, Point, PointId, StoredPoint};

/// How long a server may take to say that it is there.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// A Qdrant server.
#[derive(Debug)]
pub struct QdrantStore {
    connection: Connection,
}

impl QdrantStore {
    /// Prepares to talk to a server; the first call connects. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Failed`] if TLS can't be set up.
    pub fn new(config: QdrantConfig) -> Result<Self, StoreError> {
        Ok(Self { connection: Connection::new(config)? })
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

    /// Which shards a request is for; `None` leaves it to Qdrant.
    fn shards(&self) -> Option<ShardKeySelector> {
        let key = self.connection.config().shard_key.clone()?;
        Some(ShardKeySelector { shard_keys: vec![key.into()], fallback: None })
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

    async fn create_collection(&self, name: &str, spec: &CollectionSpec) -> Result<(), StoreError> {
        let keys = &spec.sharding.keys;
        if let Err(error) = sharding::check_shard_keys(keys, self.connection.config().shard_key.as_deref()) {
            return match self.collection(name).await? {
                Some(_) => Err(StoreError::AlreadyExists(name.to_owned())),
                None => Err(error),
            };
        }
        let mut collections = self.connection.collections()?;
        self.connection.call(name, collections.create(collection::create(name, spec))).await?;
        for key in keys {
            let made = self.connection.call(name, collections.create_shard_key(sharding::create_shard_key(name, key)));
            made.await.map_err(|error| sharding::half_made(name, key, &error))?;
        }
        Ok(())
    }

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
        applied(response.result)
    }

    async fn search(&self, name: &str, query: SearchQuery) -> Result<Vec<StoredPoint>, StoreError> {
        // Qdrant refuses both.
        if query.vector.is_empty() || query.limit == 0 {
            return Ok(Vec::new());
        }
        let vector_name = query.vector_name;
        let request = QueryPoints {
            collection_name: name.to_owned(),
            query: Some(convert::query(query.vector)),
            using: Some(vector_name.clone()),
            filter: query.filter.map(filter::filter),
            // Qdrant passes what is above its threshold; ours is the least score that passes.
            score_threshold: query.score_threshold.map(f32::next_down),
            limit: Some(query.limit as u64),
            offset: Some(query.offset as u64),
            with_vectors: query.with_vector.then(|| convert::only_vector(&vector_name)),
            with_payload: Some(convert::payload_selector(query.with_payload)),
            shard_key_selector: self.shards(),
            ..QueryPoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.query(request)).await?;
        let asked_for = query.with_vector.then_some(vector_name.as_str());
        response.result.into_iter().map(|point| convert::scored(point, asked_for)).collect()
    }

    async fn retrieve(&self, name: &str, vector_name: &str, ids: &[PointId]) -> Result<Vec<StoredPoint>, StoreError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let request = GetPoints {
            collection_name: name.to_owned(),
            ids: ids.iter().map(convert::point_id).collect(),
            with_payload: Some(convert::payload_selector(true)),
            with_vectors: Some(convert::only_vector(vector_name)),
            shard_key_selector: self.shards(),
            ..GetPoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.get(request)).await?;
        response.result.into_iter().map(|point| convert::retrieved(point, vector_name)).collect()
    }

    async fn digests(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Digest>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let request = GetPoints {
            collection_name: name.to_owned(),
            ids: ids.iter().map(convert::point_id).collect(),
            with_payload: Some(convert::payload_fields(&[DIGEST_FIELD])),
            shard_key_selector: self.shards(),
            ..GetPoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.get(request)).await?;
        let digests = response.result.into_iter().map(convert::digest).collect::<Result<Vec<_>, _>>()?;
        Ok(digests.into_iter().filter_map(|(id, digest)| Some((id, digest?))).collect())
    }

    async fn scroll(&self, name: &str, from: ScrollFrom) -> Result<Page, StoreError> {
        let ScrollFrom { from, limit, dense } = from;
        let request = ScrollPoints {
            collection_name: name.to_owned(),
            offset: from.as_ref().map(convert::point_id),
            limit: Some(u32::try_from(limit).unwrap_or(u32::MAX)),
            with_payload: Some(convert::payload_selector(true)),
            with_vectors: (!dense.is_empty()).then(|| convert::only_vectors(dense)),
            shard_key_selector: self.shards(),
            ..ScrollPoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.scroll(request)).await?;
        let points = response.result.into_iter().map(convert::scrolled).collect::<Result<_, _>>()?;
        let next = response.next_page_offset.map(|id| convert::own_id(Some(id))).transpose()?;
        Ok(Page { points, next })
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
        applied(response.result)
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

    /// Lets go of the connection. There is nothing to write out: what was confirmed is written.
    async fn close(&self) -> Result<(), StoreError> {
        self.connection.close();
        Ok(())
    }
}

/// Whether a write was applied. Anything else than Completed means that Qdrant took it and is not done yet.
fn applied(result: Option<UpdateResult>) -> Result<(), StoreError> {
    match result.map(|result| result.status()) {
        Some(UpdateStatus::Completed) => Ok(()),
        Some(other) => {
            Err(StoreError::Timeout(format!("Qdrant answered {} instead of Completed", other.as_str_name())))
        }
        None => Err(StoreError::Failed("Qdrant answered a write without a result".to_owned())),
    }
}
