//! Reads that tolerate payloads which can't be decoded.
//!
//! prost decodes at most 100 levels of nesting, which correspond to 33 levels of a payload; Qdrant accepts deeper payloads
//! over its HTTP API. A single one makes the whole response undecodable. In this case the request is repeated without
//! payloads, and the payloads are fetched by bisection until the undecodable ones are isolated.

use std::collections::HashMap;

use qdrant_client::qdrant::{GetPoints, QueryPoints, ScrollPoints, WithPayloadSelector};

use super::QdrantStore;
use crate::store::qdrant::convert;
use crate::store::qdrant::error::is_decode_error;
use crate::store::{PointPage, StoreError, WithVectors};
use crate::types::{Payload, PointId, StoredPoint};

impl QdrantStore {
    /// Runs a query, with the fallback for payloads that can't be decoded.
    pub(super) async fn query_points(
        &self,
        name: &str,
        request: QueryPoints,
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        match self.try_query_points(name, request.clone(), vectors).await {
            Err(error) if is_decode_error(&error) && selects_full_payload(request.with_payload.as_ref()) => {
                let request = QueryPoints { with_payload: Some(convert::select_payload(false)), ..request };
                let mut points = self.try_query_points(name, request, vectors).await?;
                self.add_payloads(name, &mut points).await?;
                Ok(points)
            }
            points => points,
        }
    }

    async fn try_query_points(
        &self,
        name: &str,
        request: QueryPoints,
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        let mut client = self.connection.points_client()?;
        let response = self.connection.call(name, client.query(request)).await?;
        response.result.into_iter().map(|point| convert::from_scored_point(point, vectors)).collect()
    }

    /// Returns points by id, with the fallback for payloads that can't be decoded.
    pub(super) async fn get_points(
        &self,
        name: &str,
        request: GetPoints,
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        match self.try_get_points(name, request.clone(), vectors).await {
            Err(error) if is_decode_error(&error) => {
                let request = GetPoints { with_payload: Some(convert::select_payload(false)), ..request };
                let mut points = self.try_get_points(name, request, vectors).await?;
                self.add_payloads(name, &mut points).await?;
                Ok(points)
            }
            points => points,
        }
    }

    async fn try_get_points(
        &self,
        name: &str,
        request: GetPoints,
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        let mut client = self.connection.points_client()?;
        let response = self.connection.call(name, client.get(request)).await?;
        response.result.into_iter().map(|point| convert::from_retrieved_point(point, vectors)).collect()
    }

    /// Returns a page of points, with the fallback for payloads that can't be decoded.
    pub(super) async fn scroll_page(
        &self,
        name: &str,
        request: ScrollPoints,
        vectors: &WithVectors,
    ) -> Result<PointPage, StoreError> {
        match self.try_scroll_page(name, request.clone(), vectors).await {
            Err(error) if is_decode_error(&error) => {
                let request = ScrollPoints { with_payload: Some(convert::select_payload(false)), ..request };
                let mut page = self.try_scroll_page(name, request, vectors).await?;
                self.add_payloads(name, &mut page.points).await?;
                Ok(page)
            }
            page => page,
        }
    }

    async fn try_scroll_page(
        &self,
        name: &str,
        request: ScrollPoints,
        vectors: &WithVectors,
    ) -> Result<PointPage, StoreError> {
        let mut client = self.connection.points_client()?;
        let response = self.connection.call(name, client.scroll(request)).await?;
        let points = response
            .result
            .into_iter()
            .map(|point| convert::from_retrieved_point(point, vectors))
            .collect::<Result<_, _>>()?;
        let next = response.next_page_offset.map(|id| convert::from_proto_id(Some(id))).transpose()?;
        Ok(PointPage { points, next })
    }

    /// Fetches the payloads of points that were read without them, and marks points whose payload can't be decoded.
    async fn add_payloads(&self, name: &str, points: &mut [StoredPoint]) -> Result<(), StoreError> {
        let mut batches = vec![points];
        while let Some(batch) = batches.pop() {
            let ids: Vec<PointId> = batch.iter().map(|point| point.id.to_point_id()).collect();
            match (self.fetch_payloads(name, &ids).await, batch) {
                (Ok(mut payloads), batch) => {
                    for point in batch {
                        let payload = payloads.remove(&point.id.to_point_id());
                        point.set_payload(payload.unwrap_or_default());
                    }
                }
                (Err(error), _) if !is_decode_error(&error) => return Err(error),
                (Err(_), [point]) => {
                    tracing::warn!(collection = name, id = ?point.id, "payload omitted: nested too deep to decode");
                    point.payload_unreadable = true;
                }
                // At least one of these payloads can't be decoded; bisect to find it.
                (Err(_), batch) => {
                    let (left, right) = batch.split_at_mut(batch.len() / 2);
                    batches.extend([left, right]);
                }
            }
        }
        Ok(())
    }

    async fn fetch_payloads(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let request = GetPoints {
            collection_name: name.to_owned(),
            ids: ids.iter().map(convert::to_proto_id).collect(),
            with_payload: Some(convert::select_payload(true)),
            shard_key_selector: self.shard_key_selector(),
            ..GetPoints::default()
        };
        let mut client = self.connection.points_client()?;
        let response = self.connection.call(name, client.get(request)).await?;
        response.result.into_iter().map(convert::read_payload).collect()
    }
}

/// Returns whether a request selects full payloads. Otherwise there is nothing to omit and the fallback can't help.
fn selects_full_payload(selector: Option<&WithPayloadSelector>) -> bool {
    selector == Some(&convert::select_payload(true))
}
