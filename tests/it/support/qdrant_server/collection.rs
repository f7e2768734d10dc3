//! A collection: the request that created it, and the engine's shard that stores its points.

use std::sync::{Arc, Mutex};

use qdrant_client::qdrant;
use qdrant_client::qdrant::vector_input::Variant as VectorInput;
use qdrant_client::qdrant::vectors_config::Config;
use qdrant_client::qdrant::{
    CreateCollection, GetPoints, QueryPoints, ScrollPoints, ShardKey, ShardKeySelector, ShardingMethod, query,
    shard_key,
};
use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    ConditionalInsertOperation, CountRequest, Distance, EdgeConfig, EdgeShard, EdgeSparseVectorParams,
    EdgeVectorParams, NamedQuery, OperationError, PointInsertOperations, PointOperations, PointStructPersisted,
    QueryEnum, QueryRequest, ScoringQuery, ScrollRequest, UpdateOperation, VectorInternal, VectorPersisted,
    VectorStorageDatatype, VectorStructPersisted,
};
use tempfile::TempDir;
use tonic::Status;

use super::replica::LaggingReplica;
use super::{filter, wire};

#[derive(Debug)]
pub struct Collection {
    create_request: CreateCollection,
    shard: EdgeShard,
    /// All points are stored in the one shard, regardless of their key.
    shard_keys: Mutex<Vec<ShardKey>>,
    pub replica: LaggingReplica,
    /// Dropped after the shard, which writes to the directory until it is dropped.
    _dir: Arc<TempDir>,
}

/// All methods block.
impl Collection {
    pub fn create(dir: Arc<TempDir>, number: usize, request: CreateCollection) -> Result<Self, Status> {
        let mut config = EdgeConfig::builder();
        for (name, params) in dense_params(&request) {
            config = config.vector(name, EdgeVectorParams::builder(params.size as usize, to_distance(params)?).build());
        }
        for (name, params) in request.sparse_vectors_config.iter().flat_map(|config| &config.map) {
            config = config.sparse_vector(name, to_sparse_params(params));
        }
        let path = dir.path().join(number.to_string());
        std::fs::create_dir(&path).map_err(|error| Status::internal(error.to_string()))?;
        let shard = EdgeShard::new(&path, config.build()).map_err(wire::to_status)?;
        let (shard_keys, replica) = (Mutex::default(), LaggingReplica::default());
        Ok(Self { create_request: request, shard, shard_keys, replica, _dir: dir })
    }

    pub fn info(&self) -> Result<qdrant::CollectionInfo, Status> {
        let params = qdrant::CollectionParams {
            shard_number: self.create_request.shard_number.unwrap_or(1),
            replication_factor: Some(self.create_request.replication_factor.unwrap_or(1)),
            write_consistency_factor: Some(self.create_request.write_consistency_factor.unwrap_or(1)),
            sharding_method: self.create_request.sharding_method,
            vectors_config: self.create_request.vectors_config.clone(),
            sparse_vectors_config: self.create_request.sparse_vectors_config.clone(),
            ..Default::default()
        };
        let config = qdrant::CollectionConfig {
            params: Some(params),
            metadata: self.create_request.metadata.clone(),
            ..Default::default()
        };
        Ok(qdrant::CollectionInfo {
            status: qdrant::CollectionStatus::Green.into(),
            segments_count: 1,
            config: Some(config),
            points_count: Some(self.count(None)?),
            ..Default::default()
        })
    }

    pub fn create_shard_key(&self, key: ShardKey) -> Result<(), Status> {
        if self.create_request.sharding_method() != ShardingMethod::Custom {
            let message = "Bad request: Shard Key cannot be created with Auto sharding method";
            return Err(Status::invalid_argument(message));
        }
        let mut keys = self.shard_keys.lock().unwrap();
        if keys.contains(&key) {
            let message = format!("Bad request: Sharding key {} already exists for collection", format_shard_key(&key));
            return Err(Status::invalid_argument(message));
        }
        keys.push(key);
        Ok(())
    }

    pub fn shard_keys(&self) -> Vec<ShardKey> {
        self.shard_keys.lock().unwrap().clone()
    }

    /// Checks that a write names its shard keys if the collection requires it.
    pub fn check_shard_key(&self, selector: Option<&ShardKeySelector>) -> Result<(), Status> {
        let known = self.shard_keys.lock().unwrap();
        match selector.and_then(|selector| selector.shard_keys.first()) {
            None if self.create_request.sharding_method() != ShardingMethod::Custom => Ok(()),
            None => Err(Status::invalid_argument("Bad request: Shard key not specified")),
            Some(key) if known.contains(key) => Ok(()),
            Some(key) => {
                Err(Status::invalid_argument(format!("Wrong input: Shard key {} not found", format_shard_key(key))))
            }
        }
    }

    /// Checks that the shard keys of a read exist. A read may name none.
    pub fn check_read_shard_key(&self, selector: Option<&ShardKeySelector>) -> Result<(), Status> {
        let known = self.shard_keys.lock().unwrap();
        let keys = selector.map_or(&[][..], |selector| &selector.shard_keys);
        keys.iter().find(|key| !known.contains(key)).map_or(Ok(()), |key| {
            Err(Status::invalid_argument(format!("Bad request: Shard key {} not found", format_shard_key(key))))
        })
    }

    /// Writes all points, or none if one of them is invalid.
    pub fn upsert(&self, points: Vec<PointStructPersisted>) -> Result<(), Status> {
        self.check(&points)?;
        self.update(PointOperations::UpsertPoints(PointInsertOperations::PointsList(points)))
    }

    /// Writes points; existing points are replaced only if they match the condition.
    pub fn upsert_matching(&self, points: Vec<PointStructPersisted>, condition: qdrant::Filter) -> Result<(), Status> {
        self.check(&points)?;
        let points_op = PointInsertOperations::PointsList(points);
        let condition = filter::parse_filter(condition)?;
        let operation = ConditionalInsertOperation { points_op, condition, update_mode: None };
        self.update(PointOperations::UpsertPointsConditional(operation))
    }

    pub fn delete_matching(&self, condition: qdrant::Filter) -> Result<(), Status> {
        self.update(PointOperations::DeletePointsByFilter(filter::parse_filter(condition)?))
    }

    /// Checks that the collection has each vector's name, with its size.
    pub fn check(&self, points: &[PointStructPersisted]) -> Result<(), Status> {
        for point in points {
            let VectorStructPersisted::Named(vectors) = &point.vector else { continue };
            for (name, vector) in vectors {
                self.check_vector(name, vector).map_err(wire::to_status)?;
            }
        }
        Ok(())
    }

    pub fn delete(&self, ids: Vec<qdrant::PointId>) -> Result<(), Status> {
        let ids = ids.into_iter().map(wire::parse_point_id).collect::<Result<_, _>>()?;
        self.update(PointOperations::DeletePoints { ids })
    }

    /// Applies a write like [`Self::upsert`] or [`Self::delete`], which the lagging replica misses.
    pub fn write_missed_by_replica(
        &self,
        ids: Vec<qdrant::PointId>,
        write: impl FnOnce() -> Result<(), Status>,
    ) -> Result<(), Status> {
        let get_full = GetPoints { ids: ids.clone(), with_payload: Some(true.into()), ..Default::default() };
        let before = self.get(get_full)?;
        write()?;
        self.replica.miss(ids, before);
        Ok(())
    }

    pub fn get(&self, request: GetPoints) -> Result<Vec<qdrant::RetrievedPoint>, Status> {
        let ids = request.ids.into_iter().map(wire::parse_point_id).collect::<Result<Vec<_>, _>>()?;
        let payload = wire::parse_payload_selector(request.with_payload)?;
        let vectors = wire::parse_vector_selector(request.with_vectors);
        let records = self.shard.retrieve(&ids, Some(payload), Some(vectors)).map_err(wire::to_status)?;
        Ok(records.into_iter().map(to_retrieved_point).collect())
    }

    /// Returns a page of points and the offset of the next page.
    pub fn scroll(
        &self,
        request: ScrollPoints,
    ) -> Result<(Vec<qdrant::RetrievedPoint>, Option<qdrant::PointId>), Status> {
        if request.order_by.is_some() {
            return Err(Status::unimplemented("the test server scrolls by id only"));
        }
        if request.limit == Some(0) {
            return Err(Status::invalid_argument(
                "Validation error in body: [limit: value 0 invalid, must be 1 or larger]",
            ));
        }
        let scroll = ScrollRequest {
            offset: request.offset.map(wire::parse_point_id).transpose()?,
            limit: Some(request.limit.unwrap_or(10) as usize),
            filter: request.filter.map(filter::parse_filter).transpose()?,
            with_payload: Some(wire::parse_payload_selector(request.with_payload)?),
            with_vector: wire::parse_vector_selector(request.with_vectors),
            order_by: None,
        };
        let (records, next) = self.shard.scroll(scroll).map_err(wire::to_status)?;
        Ok((records.into_iter().map(to_retrieved_point).collect(), next.map(wire::to_wire_id)))
    }

    pub fn count(&self, filter: Option<qdrant::Filter>) -> Result<u64, Status> {
        let filter = filter.map(filter::parse_filter).transpose()?;
        let count = self.shard.count(CountRequest { filter, exact: true }).map_err(wire::to_status)?;
        Ok(count as u64)
    }

    pub fn query(&self, request: QueryPoints) -> Result<Vec<qdrant::ScoredPoint>, Status> {
        // The engine's caller applies the offset.
        let offset = request.offset.unwrap_or(0) as usize;
        let points = self.shard.query(self.query_request(request)?).map_err(wire::to_status)?;
        let point = |point: qdrant_edge::ScoredPoint| qdrant::ScoredPoint {
            id: Some(wire::to_wire_id(point.id)),
            payload: wire::to_wire_payload(point.payload),
            score: point.score,
            version: point.version,
            vectors: wire::to_wire_vectors(point.vector),
            ..Default::default()
        };
        Ok(points.into_iter().skip(offset).map(point).collect())
    }

    fn query_request(&self, request: QueryPoints) -> Result<QueryRequest, Status> {
        let vector = match request.query.and_then(|query| query.variant) {
            Some(query::Variant::Nearest(qdrant::VectorInput { variant: Some(VectorInput::Sparse(sparse)) })) => {
                VectorInternal::Sparse(wire::parse_sparse_vector(sparse)?)
            }
            other => return Err(Status::unimplemented(format!("the test server has no query {other:?}"))),
        };
        let using = request.using.unwrap_or_default();
        if !self.shard.config().sparse_vectors.contains_key(&using) {
            return Err(wire::to_status(OperationError::vector_name_not_exists(using)));
        }
        if request.limit == Some(0) {
            return Err(Status::invalid_argument(
                "Validation error in body: [limit: value 0 invalid, must be 1 or larger]",
            ));
        }
        let query = QueryEnum::Nearest(NamedQuery { query: vector, using: Some(using) });
        Ok(QueryRequest {
            prefetches: Vec::new(),
            query: Some(ScoringQuery::Vector(query)),
            filter: request.filter.map(filter::parse_filter).transpose()?,
            score_threshold: request.score_threshold.map(OrderedFloat),
            limit: request.limit.unwrap_or(10) as usize,
            offset: request.offset.unwrap_or(0) as usize,
            params: None,
            with_vector: wire::parse_vector_selector(request.with_vectors),
            with_payload: wire::parse_payload_selector(request.with_payload)?,
        })
    }

    fn check_vector(&self, name: &str, vector: &VectorPersisted) -> Result<(), OperationError> {
        let config = self.shard.config();
        match (config.vectors.get(name), config.sparse_vectors.contains_key(name), vector) {
            (Some(params), _, VectorPersisted::Dense(values)) if values.len() == params.size => Ok(()),
            (Some(params), _, VectorPersisted::Dense(values)) => {
                Err(OperationError::WrongVectorDimension { expected_dim: params.size, received_dim: values.len() })
            }
            (None, true, VectorPersisted::Sparse(_)) => Ok(()),
            (None, false, _) => Err(OperationError::vector_name_not_exists(name)),
            _ => Err(OperationError::WrongSparse),
        }
    }

    fn update(&self, operation: PointOperations) -> Result<(), Status> {
        self.shard.update(UpdateOperation::PointOperation(operation)).map_err(wire::to_status)
    }
}

/// Formats a shard key as Qdrant does.
fn format_shard_key(key: &ShardKey) -> String {
    match &key.key {
        Some(shard_key::Key::Keyword(text)) => format!("\"{text}\""),
        Some(shard_key::Key::Number(number)) => number.to_string(),
        None => String::new(),
    }
}

fn to_retrieved_point(record: qdrant_edge::Record) -> qdrant::RetrievedPoint {
    qdrant::RetrievedPoint {
        id: Some(wire::to_wire_id(record.id)),
        payload: wire::to_wire_payload(record.payload),
        vectors: wire::to_wire_vectors(record.vector),
        ..Default::default()
    }
}

fn dense_params(request: &CreateCollection) -> impl Iterator<Item = (&String, &qdrant::VectorParams)> {
    let config = request.vectors_config.as_ref().and_then(|config| config.config.as_ref());
    let map = config.and_then(|config| match config {
        Config::ParamsMap(map) => Some(&map.map),
        Config::Params(_) => None,
    });
    map.into_iter().flatten()
}

fn to_distance(params: &qdrant::VectorParams) -> Result<Distance, Status> {
    match params.distance() {
        qdrant::Distance::Cosine => Ok(Distance::Cosine),
        qdrant::Distance::Dot => Ok(Distance::Dot),
        qdrant::Distance::Euclid => Ok(Distance::Euclid),
        qdrant::Distance::Manhattan => Ok(Distance::Manhattan),
        qdrant::Distance::UnknownDistance => Err(Status::invalid_argument("Unknown distance")),
    }
}

fn to_sparse_params(params: &qdrant::SparseVectorParams) -> EdgeSparseVectorParams {
    let index = params.index.unwrap_or_default();
    let datatype = match index.datatype() {
        qdrant::Datatype::Float16 => Some(VectorStorageDatatype::Float16),
        qdrant::Datatype::Uint8 => Some(VectorStorageDatatype::Uint8),
        _ => None,
    };
    #[expect(deprecated, reason = "what clients of every version send")]
    let on_disk = index.on_disk;
    EdgeSparseVectorParams { datatype, on_disk, ..Default::default() }
}
