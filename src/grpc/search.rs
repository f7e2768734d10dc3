//! `Search`: from a query's text, or its vector, to documents.

use metrics::histogram;
use tokio::time::Instant;
use tracing::{Instrument, debug_span};

use super::Shared;
use super::document::{check_text, to_document_id};
use super::filter::filter;
use super::options::{accept, invalid, long_text, pruning};
use super::payload::{Returned, payload_format};
use super::vector::to_sparse_vector;
use crate::metrics as names;
use crate::model::prune;
use crate::pipeline::{EncodeOptions, ModelChoice, Opened, store_fault};
use crate::proto::search_request::Query;
use crate::proto::{Hit, PayloadFormat, SearchRequest};
use crate::store::{SearchQuery, StoreError};
use crate::types::{Fault, Pruning, Role, SparseVector, StoredPoint, check_collection_name};

const DEFAULT_LIMIT: u32 = 10;
/// The most documents that are given.
pub const MAX_LIMIT: u32 = 1_000;
/// The most that are passed over.
pub const MAX_OFFSET: u32 = 10_000;

/// The documents that score highest.
///
/// # Errors
/// A request that is wrong, by its field; a store that fails.
pub async fn search(shared: &Shared, request: SearchRequest) -> Result<Vec<Hit>, Fault> {
    check_collection_name(&request.collection)?;
    let (limit, offset) = page(request.limit, request.offset)?;
    // A vector may be pruned already: once more to a share of its weight would be too much.
    let by_text = matches!(request.query, Some(Query::Text(_)));
    let default = if by_text { shared.pruning.query } else { Pruning::default() };
    let pruning = pruning("pruning", request.pruning, default)?;
    let filter = request.filter.map(filter).transpose().map_err(|fault| fault.within("filter"))?;
    if request.score_threshold.is_some_and(|threshold| !threshold.is_finite()) {
        return Err(invalid("score_threshold", "it is not a finite number; leave it out for no threshold"));
    }
    let format = payload_format(request.payload_format)?;
    let choice =
        ModelChoice { models: &shared.models, name: &request.model, accept: accept(request.ignore_fingerprint) };
    let Opened { name, spec, model } = shared.collections.open(&request.collection, choice).await?;
    let long_text = long_text(request.long_text, request.window_overlap, model.side(Role::Query))?;
    let vector = match request.query {
        None => return Err(invalid("query", "there is none; set `text` or `vector`")),
        Some(Query::Vector(vector)) => {
            let vector = SparseVector::new(vector.indices, vector.values);
            let mut vector = vector.map_err(|error| invalid("vector", error.to_string()))?;
            prune(&mut vector, pruning);
            vector
        }
        Some(Query::Text(text)) => {
            check_text(&text, shared.limits.text_bytes)?;
            let options = EncodeOptions { model, role: Role::Query, long_text, pruning };
            shared.pipeline.encode_one(options, text).await?.vector
        }
    };
    let query = SearchQuery {
        vector_name: spec.vector_name,
        vector,
        filter,
        limit,
        offset,
        score_threshold: request.score_threshold,
        with_payload: !request.without_payload,
        with_vector: request.with_vector,
    };
    let start = Instant::now();
    let span = debug_span!("search", otel.kind = "client", collection = name, limit);
    let found = shared.store.search(&name, query).instrument(span).await;
    histogram!(names::SEARCH_SECONDS).record(start.elapsed().as_secs_f64());
    if matches!(found, Err(StoreError::CollectionNotFound(_) | StoreError::Refused(_))) {
        shared.collections.forget(&request.collection);
    }
    Ok(found.map_err(store_fault)?.into_iter().map(|point| to_hit(point, format)).collect())
}

fn page(limit: u32, offset: u32) -> Result<(usize, usize), Fault> {
    let limit = if limit == 0 { DEFAULT_LIMIT } else { limit };
    if limit > MAX_LIMIT {
        return Err(invalid("limit", format!("it is {limit}; send 1 to {MAX_LIMIT}, or 0 for {DEFAULT_LIMIT}")));
    }
    if offset > MAX_OFFSET {
        return Err(invalid("offset", format!("it is {offset}; send 0 to {MAX_OFFSET}")));
    }
    Ok((limit as usize, offset as usize))
}

fn to_hit(point: StoredPoint, format: PayloadFormat) -> Hit {
    let Returned { payload, payload_json, inexact_fields } = Returned::new(point.payload, format);
    Hit {
        id: Some(to_document_id(point.id)),
        score: point.score,
        payload,
        vector: point.sparse.map(to_sparse_vector),
        payload_json,
        inexact_fields,
        payload_unreadable: point.payload_unreadable,
    }
}
