//! Calls of the `Points` service.

use ::qdrant_client::qdrant::points_selector::PointsSelectorOneOf;
use ::qdrant_client::qdrant::points_server::Points;
use ::qdrant_client::qdrant::*;
use tonic::{Request, Response, Status};

use super::collection::Collection;
use super::service::Service;
use super::stubs::unimplemented_calls;
use super::{Call, replica, wire};

fn new_completed_response() -> Result<Response<PointsOperationResponse>, Status> {
    let result = UpdateResult { operation_id: Some(0), status: UpdateStatus::Completed.into() };
    Ok(Response::new(PointsOperationResponse { result: Some(result), ..Default::default() }))
}

#[tonic::async_trait]
impl Points for Service {
    async fn upsert(&self, request: Request<UpsertPoints>) -> Result<Response<PointsOperationResponse>, Status> {
        let traceparent = request.metadata().get("traceparent").map(|value| value.to_str().unwrap().to_owned());
        let _in_flight = self.counts().begin_upsert(request.get_ref().points.len(), traceparent);
        let request = self.check_access(Call::Upsert, request).await?;
        let UpsertPoints { collection_name, points, shard_key_selector, update_filter, .. } = request;
        self.faults().inject_upsert_fault(&points).await?;
        if points.is_empty() {
            return Err(Status::invalid_argument("Bad request: Empty update request"));
        }
        let points = points.into_iter().map(wire::parse_point).collect::<Result<Vec<_>, _>>()?;
        let (discard, count, lags) = (self.options().discard, points.len(), self.faults().replica_lags());
        let upsert = move |it: &Collection| {
            it.check_shard_key(shard_key_selector.as_ref())?;
            if discard {
                it.check(&points)
            } else if let Some(condition) = update_filter {
                it.upsert_matching(points, condition)
            } else if lags {
                let ids = points.iter().map(|point| wire::to_wire_id(point.id)).collect();
                it.write_missed_by_replica(ids, || it.upsert(points))
            } else {
                it.upsert(points)
            }
        };
        self.with_collection(&collection_name, upsert).await?;
        self.counts().record_written(count);
        new_completed_response()
    }

    async fn delete(&self, request: Request<DeletePoints>) -> Result<Response<PointsOperationResponse>, Status> {
        let DeletePoints { collection_name, points, shard_key_selector, .. } =
            self.admit(Call::Delete, request).await?;
        let ids = match points.and_then(|it| it.points_selector_one_of) {
            Some(PointsSelectorOneOf::Points(PointsIdsList { ids })) => ids,
            Some(PointsSelectorOneOf::Filter(condition)) => {
                let delete = move |it: &Collection| {
                    it.check_shard_key(shard_key_selector.as_ref())?;
                    it.delete_matching(condition)
                };
                self.with_collection(&collection_name, delete).await?;
                return new_completed_response();
            }
            None => return Err(Status::invalid_argument("Bad request: PointsSelector is missing")),
        };
        if ids.is_empty() {
            return Err(Status::invalid_argument("Bad request: Empty update request"));
        }
        let lags = self.faults().replica_lags();
        let delete = move |it: &Collection| {
            it.check_shard_key(shard_key_selector.as_ref())?;
            if lags { it.write_missed_by_replica(ids.clone(), || it.delete(ids)) } else { it.delete(ids) }
        };
        self.with_collection(&collection_name, delete).await?;
        new_completed_response()
    }

    async fn get(&self, request: Request<GetPoints>) -> Result<Response<GetResponse>, Status> {
        let request = self.admit(Call::Get, request).await?;
        let collection_name = request.collection_name.clone();
        let consistency = request.read_consistency;
        if replica::is_all(consistency.as_ref()) {
            self.counts().record_consistent_get();
        }
        let lags = self.faults().replica_lags();
        let get = move |it: &Collection| {
            it.check_read_shard_key(request.shard_key_selector.as_ref())?;
            if !lags {
                it.replica.catch_up();
            }
            let asked = request.ids.clone();
            Ok(it.replica.answer(&asked, consistency.as_ref(), it.get(request)?))
        };
        let result = self.with_collection(&collection_name, get).await?;
        Ok(Response::new(GetResponse { result, ..Default::default() }))
    }

    async fn count(&self, request: Request<CountPoints>) -> Result<Response<CountResponse>, Status> {
        let request = self.admit(Call::Count, request).await?;
        let count = self.with_collection(&request.collection_name, |it| it.count(request.filter)).await?;
        Ok(Response::new(CountResponse { result: Some(CountResult { count }), ..Default::default() }))
    }

    async fn query(&self, request: Request<QueryPoints>) -> Result<Response<QueryResponse>, Status> {
        let request = self.admit(Call::Query, request).await?;
        let collection_name = request.collection_name.clone();
        let query = |it: &Collection| {
            it.check_read_shard_key(request.shard_key_selector.as_ref())?;
            it.query(request)
        };
        let result = self.with_collection(&collection_name, query).await?;
        Ok(Response::new(QueryResponse { result, ..Default::default() }))
    }

    async fn scroll(&self, request: Request<ScrollPoints>) -> Result<Response<ScrollResponse>, Status> {
        let request = self.admit(Call::Scroll, request).await?;
        let collection_name = request.collection_name.clone();
        let scroll = |it: &Collection| {
            it.check_read_shard_key(request.shard_key_selector.as_ref())?;
            it.scroll(request)
        };
        let (result, next_page_offset) = self.with_collection(&collection_name, scroll).await?;
        Ok(Response::new(ScrollResponse { next_page_offset, result, ..Default::default() }))
    }

    unimplemented_calls! {
        update_vectors: UpdatePointVectors => PointsOperationResponse,
        delete_vectors: DeletePointVectors => PointsOperationResponse,
        set_payload: SetPayloadPoints => PointsOperationResponse,
        overwrite_payload: SetPayloadPoints => PointsOperationResponse,
        delete_payload: DeletePayloadPoints => PointsOperationResponse,
        clear_payload: ClearPayloadPoints => PointsOperationResponse,
        create_field_index: CreateFieldIndexCollection => PointsOperationResponse,
        delete_field_index: DeleteFieldIndexCollection => PointsOperationResponse,
        create_vector_name: CreateVectorNameRequest => PointsOperationResponse,
        delete_vector_name: DeleteVectorNameRequest => PointsOperationResponse,
        search: SearchPoints => SearchResponse,
        search_batch: SearchBatchPoints => SearchBatchResponse,
        search_groups: SearchPointGroups => SearchGroupsResponse,
        recommend: RecommendPoints => RecommendResponse,
        recommend_batch: RecommendBatchPoints => RecommendBatchResponse,
        recommend_groups: RecommendPointGroups => RecommendGroupsResponse,
        discover: DiscoverPoints => DiscoverResponse,
        discover_batch: DiscoverBatchPoints => DiscoverBatchResponse,
        update_batch: UpdateBatchPoints => UpdateBatchResponse,
        query_batch: QueryBatchPoints => QueryBatchResponse,
        query_groups: QueryPointGroups => QueryGroupsResponse,
        facet: FacetCounts => FacetResponse,
        search_matrix_pairs: SearchMatrixPoints => SearchMatrixPairsResponse,
        search_matrix_offsets: SearchMatrixPoints => SearchMatrixOffsetsResponse,
    }
}
