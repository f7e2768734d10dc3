//! Points read from Qdrant, whatever another writer of the collection has stored.
//!
//! prost decodes messages up to 100 levels deep, which are 33 levels of a payload; Qdrant takes deeper ones over its HTTP
//! API. One of these makes the whole answer unreadable. So an answer that can't be decoded is asked for again without
//! payloads, and then the payloads by halves, until those that can't be read stand alone.

use std::collections::HashMap;

use qdrant_client::qdrant::{GetPoints, QueryPoints, ScrollPoints, WithPayloadSelector};

use super::QdrantStore;
use crate::store::qdrant::convert;
use crate::store::qdrant::error::is_unreadable;
use crate::store::{Page, StoreError, WithVectors};
use crate::types::{Payload, PointId, StoredPoint};

impl QdrantStore {
    /// Runs a query.
    pub(super) async fn query(
        &self,
        name: &str,
        request: QueryPoints,
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        match self.try_query(name, request.clone(), vectors).await {
            Err(error) if is_unreadable(&error) && wants_all(request.with_payload.as_ref()) => {
                let request = QueryPoints { with_payload: Some(convert::payload_selector(false)), ..request };
                let mut points = self.try_query(name, request, vectors).await?;
                self.add_payloads(name, &mut points).await?;
                Ok(points)
            }
            points => points,
        }
    }

    async fn try_query(
        &self,
        name: &str,
        request: QueryPoints,
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.query(request)).await?;
        response.result.into_iter().map(|point| convert::scored(point, vectors)).collect()
    }

    /// Gets points by their ids.
    pub(super) async fn get(
        &self,
        name: &str,
        request: GetPoints,
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        match self.try_get(name, request.clone(), vectors).await {
            Err(error) if is_unreadable(&error) => {
                let request = GetPoints { with_payload: Some(convert::payload_selector(false)), ..request };
                let mut points = self.try_get(name, request, vectors).await?;
                self.add_payloads(name, &mut points).await?;
                Ok(points)
            }
            points => points,
        }
    }

    async fn try_get(
        &self,
        name: &str,
        request: GetPoints,
        vectors: &WithVectors,
    ) -> Result<Vec<StoredPoint>, StoreError> {
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.get(request)).await?;
        response.result.into_iter().map(|point| convert::retrieved(point, vectors)).collect()
    }

    /// Gets a page of points.
    pub(super) async fn page(
        &self,
        name: &str,
        request: ScrollPoints,
        vectors: &WithVectors,
    ) -> Result<Page, StoreError> {
        match self.try_page(name, request.clone(), vectors).await {
            Err(error) if is_unreadable(&error) => {
                let request = ScrollPoints { with_payload: Some(convert::payload_selector(false)), ..request };
                let mut page = self.try_page(name, request, vectors).await?;
                self.add_payloads(name, &mut page.points).await?;
                Ok(page)
            }
            page => page,
        }
    }

    async fn try_page(&self, name: &str, request: ScrollPoints, vectors: &WithVectors) -> Result<Page, StoreError> {
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.scroll(request)).await?;
        let points =
            response.result.into_iter().map(|point| convert::retrieved(point, vectors)).collect::<Result<_, _>>()?;
        let next = response.next_page_offset.map(|id| convert::own_id(Some(id))).transpose()?;
        Ok(Page { points, next })
    }

    /// Adds the payloads of points that were read without, and marks those whose payload can't be read.
    async fn add_payloads(&self, name: &str, points: &mut [StoredPoint]) -> Result<(), StoreError> {
        let mut parts = vec![points];
        while let Some(part) = parts.pop() {
            let ids: Vec<PointId> = part.iter().map(|point| point.id.point_id()).collect();
            match (self.payloads(name, &ids).await, part) {
                (Ok(mut payloads), part) => {
                    for point in part {
                        let payload = payloads.remove(&point.id.point_id());
                        point.set_payload(payload.unwrap_or_default());
                    }
                }
                (Err(error), _) if !is_unreadable(&error) => return Err(error),
                (Err(_), [point]) => {
                    tracing::warn!(collection = name, id = ?point.id, "a payload is nested too deep to be read");
                    point.payload_unreadable = true;
                }
                (Err(_), part) => {
                    let (left, right) = part.split_at_mut(part.len() / 2);
                    parts.extend([left, right]);
                }
            }
        }
        Ok(())
    }

    async fn payloads(&self, name: &str, ids: &[PointId]) -> Result<HashMap<PointId, Payload>, StoreError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let request = GetPoints {
            collection_name: name.to_owned(),
            ids: ids.iter().map(convert::point_id).collect(),
            with_payload: Some(convert::payload_selector(true)),
            shard_key_selector: self.shards(),
            ..GetPoints::default()
        };
        let mut client = self.connection.points()?;
        let response = self.connection.call(name, client.get(request)).await?;
        response.result.into_iter().map(convert::payload_of).collect()
    }
}

/// Whether whole payloads are asked for: else there is nothing that can be left out.
fn wants_all(selector: Option<&WithPayloadSelector>) -> bool {
    selector == Some(&convert::payload_selector(true))
}
