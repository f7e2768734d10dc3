//! Reads from a Qdrant server.

use async_trait::async_trait;
use qdrant_client::qdrant::{GetPoints, QueryPoints, ScrollPoints};

use super::QdrantStore;
use crate::store::qdrant::{convert, filter};
use crate::store::{PointPage, PointReader, ScrollQuery, SearchQuery, StoreError, WithVectors};
use crate::types::{PointId, StoredPoint};

#[async_trait]
impl PointReader for QdrantStore {
    async fn search(&self, name: &str, query: SearchQuery) -> Result<Vec<StoredPoint>, StoreError> {
        // Qdrant refuses an empty vector and a limit of 0.
        if query.vector.is_empty() || query.limit == 0 {
            return Ok(Vec::new());
        }
        let request = QueryPoints {
            collection_name: name.to_owned(),
            query: Some(convert::to_nearest_query(query.vector)),
            using: Some(query.vector_name),
            filter: query.filter.map(filter::to_qdrant_filter),
            // Qdrant's threshold is exclusive, ours is inclusive.
            score_threshold: query.score_threshold.map(f32::next_down),
            limit: Some(query.limit as u64),
            offset: Some(query.offset as u64),
            with_vectors: convert::select_vectors(&query.vectors),
            with_payload: Some(convert::select_payload(query.with_payload)),
            shard_key_selector: self.shard_key_selector(),
            ..QueryPoints::default()
        };
        self.query_points(name, request, &query.vectors).await
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
            ids: ids.iter().map(convert::to_proto_id).collect(),
            with_payload: Some(convert::select_payload(true)),
            with_vectors: convert::select_vectors(vectors),
            shard_key_selector: self.shard_key_selector(),
            ..GetPoints::default()
        };
        self.get_points(name, request, vectors).await
    }

    async fn scroll(&self, name: &str, query: ScrollQuery) -> Result<PointPage, StoreError> {
        let ScrollQuery { from, limit, vectors } = query;
        let request = ScrollPoints {
            collection_name: name.to_owned(),
            offset: from.as_ref().map(convert::to_proto_id),
            limit: Some(u32::try_from(limit).unwrap_or(u32::MAX)),
            with_payload: Some(convert::select_payload(true)),
            with_vectors: convert::select_vectors(&vectors),
            shard_key_selector: self.shard_key_selector(),
            ..ScrollPoints::default()
        };
        self.scroll_page(name, request, &vectors).await
    }
}
