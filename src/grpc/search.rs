//! `Search`: from a query to documents.

use metrics::histogram;
use tokio::time::Instant;
use tracing::{Instrument, debug_span};

use super::ServiceContext;
use super::convert::{Selection, accept, parse_hit_range};
use super::faults::invalid;
use super::features::{check_features, check_unset};
use super::query::Query;
use crate::catalog::{ModelChoice, Opened};
use crate::metrics as names;
use crate::proto::{Hit, SearchRequest, SearchResponse};
use crate::store::{SearchQuery, StoreError};
use crate::types::{Fault, Filter, check_collection_name};

/// Returns the documents with the highest scores.
///
/// # Errors
/// A request that is invalid, by its field; a store that fails.
pub async fn search(shared: &ServiceContext, request: SearchRequest) -> Result<SearchResponse, Fault> {
    check_features(&request.required_features)?;
    check_unset("tenant", !request.tenant.is_empty())?;
    check_unset("group_by", request.group_by.is_some())?;
    check_unset("with_partial_scores", request.with_partial_scores)?;
    check_collection_name(&request.collection)?;
    let (limit, offset) = parse_hit_range(request.limit, request.offset)?;
    let filter = request.filter.map(Filter::try_from).transpose().map_err(|fault| fault.within("filter"))?;
    if request.score_threshold.is_some_and(|threshold| !threshold.is_finite()) {
        return Err(invalid("score_threshold", "it is not a finite number; omit it for no threshold"));
    }
    let selection = Selection::parse(request.return_options).map_err(|fault| fault.within("return_options"))?;
    let in_query = |fault: Fault| fault.within("query");
    let query = Query::parse(request.query, shared.limits.text_bytes).map_err(in_query)?;
    let choice =
        ModelChoice { models: &shared.models, name: &request.model, accept: accept(request.ignore_fingerprint) };
    let Opened { name, spec, model } = shared.collections.open(&request.collection, choice).await?;
    query.check_vector_name(&spec.vector_name).map_err(in_query)?;
    let encoded = query.encode(shared, &model).await.map_err(in_query)?;
    let search = SearchQuery {
        vector_name: spec.vector_name.clone(),
        vector: encoded.vector,
        filter,
        limit,
        offset,
        score_threshold: request.score_threshold,
        with_payload: selection.with_payload,
        vectors: selection.vectors(&spec),
    };
    let start = Instant::now();
    let span = debug_span!("search", otel.kind = "client", collection = name, limit);
    let found = shared.store.search(&name, search).instrument(span).await;
    histogram!(names::SEARCH_SECONDS).record(start.elapsed().as_secs_f64());
    if matches!(found, Err(StoreError::CollectionNotFound(_) | StoreError::Refused(_))) {
        shared.collections.forget(&request.collection);
    }
    let hits = found?.into_iter().map(|point| {
        let score = point.score;
        let document = Some(selection.to_stored_document(point, &spec.vector_name));
        Hit { document, score, partial_scores: Vec::new() }
    });
    let query_stats = encoded.text.is_some().then_some(encoded.stats);
    Ok(SearchResponse { hits: hits.collect(), query_stats, groups: Vec::new() })
}
