//! Conversion of queries into the engine's types.

use qdrant_edge::external::ordered_float::OrderedFloat;
use qdrant_edge::{
    NamedQuery, QueryEnum, QueryRequest, ScoringQuery, VectorInternal, WithPayloadInterface, WithVector,
};

use super::convert::to_engine_sparse;
use super::filter::to_engine_filter;
use crate::store::{SearchQuery, StoreError, WithVectors};
use crate::types::StoredPoint;

/// Converts a search into the engine's request.
///
/// The engine doesn't skip the offset, so the limit includes the points to skip, and the caller skips them. The engine's
/// threshold is exclusive and ours is inclusive, so the next lower number is passed.
pub(super) fn to_engine_query(query: SearchQuery) -> Result<QueryRequest, StoreError> {
    let with_vector = to_vector_selector(&query.vectors);
    let vector = VectorInternal::Sparse(to_engine_sparse(query.vector));
    Ok(QueryRequest {
        prefetches: Vec::new(),
        query: Some(ScoringQuery::Vector(QueryEnum::Nearest(NamedQuery::new(vector, query.vector_name)))),
        filter: query.filter.map(to_engine_filter).transpose()?,
        score_threshold: query.score_threshold.map(|threshold| OrderedFloat(threshold.next_down())),
        limit: query.offset.saturating_add(query.limit),
        offset: 0,
        params: None,
        with_vector,
        with_payload: to_payload_selector(query.with_payload),
    })
}

pub(super) fn to_vector_selector(vectors: &WithVectors) -> WithVector {
    let names = vectors.names();
    if names.is_empty() { WithVector::Bool(false) } else { WithVector::Selector(names) }
}

fn to_payload_selector(all: bool) -> WithPayloadInterface {
    if all {
        return WithPayloadInterface::Bool(true);
    }
    select_payload_fields(StoredPoint::RESERVED_FIELDS)
}

pub(super) fn select_payload_fields(fields: &[&str]) -> WithPayloadInterface {
    WithPayloadInterface::Fields(fields.iter().filter_map(|field| field.parse().ok()).collect())
}
