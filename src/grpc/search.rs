//! `Search`: returns the best documents for a query.

use metrics::histogram;
use tokio::time::Instant;
use tracing::{Instrument, debug_span};

use super::ServiceContext;
use super::convert::{ReturnSelection, parse_hit_range, parse_ignore_fingerprint};
use super::errors::invalid_argument;
use super::features::{check_features, check_unset};
use super::query::Query;
use crate::catalog::{ModelSelector, ResolvedCollection};
use crate::metrics as names;
use crate::proto::{Hit, SearchRequest, SearchResponse};
use crate::store::{SearchQuery, StoreError};
use crate::types::{ApiError, Filter, check_collection_name};

/// Returns the documents with the highest scores.
///
/// # Errors
/// If a field is invalid (named in the error), the collection doesn't exist (`COLLECTION_NOT_FOUND`) or was written by another
/// encoder (`FINGERPRINT_MISMATCH`), the server is at capacity (`OVERLOADED`), or the store fails.
pub async fn search(context: &ServiceContext, request: SearchRequest) -> Result<SearchResponse, ApiError> {
    check_features(&request.required_features)?;
    check_unset("tenant", !request.tenant.is_empty())?;
    check_unset("group_by", request.group_by.is_some())?;
    check_unset("with_partial_scores", request.with_partial_scores)?;
    check_collection_name(&request.collection)?;
    let (limit, offset) = parse_hit_range(request.limit, request.offset)?;
    let filter = request.filter.map(Filter::try_from).transpose().map_err(|error| error.with_field_prefix("filter"))?;
    if request.score_threshold.is_some_and(|threshold| !threshold.is_finite()) {
        return Err(invalid_argument(
            "score_threshold",
            "the threshold is NaN or infinite; send a finite number, or omit it",
        ));
    }
    let selection =
        ReturnSelection::parse(request.return_options).map_err(|error| error.with_field_prefix("return_options"))?;
    let prefix_query_field = |error: ApiError| error.with_field_prefix("query");
    let query = Query::parse(request.query, context.limits.max_text_bytes).map_err(prefix_query_field)?;
    let choice = ModelSelector {
        models: &context.models,
        model_name: &request.model,
        fingerprint_policy: parse_ignore_fingerprint(request.ignore_fingerprint),
    };
    let ResolvedCollection { name, spec, model } = context.collections.open(&request.collection, choice).await?;
    query.check_vector_name(&spec.vector_name).map_err(prefix_query_field)?;
    let encoded = query.encode(context, &model).await.map_err(prefix_query_field)?;
    let search_query = SearchQuery {
        vector_name: spec.vector_name.clone(),
        vector: encoded.vector,
        filter,
        limit,
        offset,
        score_threshold: request.score_threshold,
        with_payload: selection.with_payload,
        vectors: selection.vectors_to_read(&spec),
    };
    let started_at = Instant::now();
    let span = debug_span!("search", otel.kind = "client", collection = name, limit);
    let result = context.store.search(&name, search_query).instrument(span).await;
    histogram!(names::SEARCH_SECONDS).record(started_at.elapsed().as_secs_f64());
    // The cached description of the collection may be outdated, for example after it was recreated.
    if matches!(result, Err(StoreError::CollectionNotFound(_) | StoreError::Refused(_))) {
        context.collections.invalidate(&request.collection);
    }
    let hits = result?.into_iter().map(|point| {
        let score = point.score;
        let document = Some(selection.to_stored_document(point, &spec.vector_name));
        Hit { document, score, partial_scores: Vec::new() }
    });
    let query_stats = encoded.text.is_some().then_some(encoded.stats);
    Ok(SearchResponse { hits: hits.collect(), query_stats, groups: Vec::new() })
}
