//! `Explain`: the contribution of each term to the score of a document.

use std::collections::HashSet;
use std::sync::Arc;

use super::ServiceContext;
use super::convert::{
    EncodingParams, check_text, find_token, parse_encoding, parse_ignore_fingerprint, to_vector_stats,
};
use super::errors::invalid_argument;
use super::features::{check_features, check_unset};
use super::query::{EncodedQuery, Query};
use crate::catalog::{ModelSelector, ResolvedCollection};
use crate::model::Model;
use crate::pipeline::EncodeOptions;
use crate::proto::explain_request::Document;
use crate::proto::{self, EncodingStats, ExplainRequest, ExplainResponse, TermContribution, TermOrigin};
use crate::store::WithVectors;
use crate::types::{ApiError, DocumentId, ErrorReason, PruningStats, Role, SparseVector, check_collection_name};

/// Vector of a query or a document and, if the text is known, the ids of the text's tokens.
struct ExplainedVector {
    vector: SparseVector,
    stats: EncodingStats,
    token_ids: Option<HashSet<u32>>,
}

/// Returns the terms that a query and a document have in common, with their weights and contributions.
///
/// # Errors
/// If a field is invalid (named in the error), the collection or the document doesn't exist (`COLLECTION_NOT_FOUND`,
/// `DOCUMENT_NOT_FOUND`), or the store fails.
pub async fn explain(context: &ServiceContext, request: ExplainRequest) -> Result<ExplainResponse, ApiError> {
    check_features(&request.required_features)?;
    check_unset("tenant", !request.tenant.is_empty())?;
    let prefix_query_field = |error: ApiError| error.with_field_prefix("query");
    let query = Query::parse(request.query, context.limits.max_text_bytes).map_err(prefix_query_field)?;
    let choice = ModelSelector {
        models: &context.models,
        model_name: &request.model,
        fingerprint_policy: parse_ignore_fingerprint(request.ignore_fingerprint),
    };
    let (model, document) = match request.document {
        None => return Err(invalid_argument("document", "the field is missing; set `document_id` or `document_text`")),
        Some(Document::DocumentText(text)) => {
            // Without a collection, two texts are compared with the default model or the requested one.
            let model = match &*request.collection {
                "" => choice.select(None)?,
                collection => {
                    check_collection_name(collection)?;
                    let opened = context.collections.open(collection, choice).await?;
                    query.check_vector_name(&opened.spec.vector_name).map_err(prefix_query_field)?;
                    opened.model
                }
            };
            let document = encode_document(context, &model, text, request.document_encoding).await?;
            (model, document)
        }
        Some(Document::DocumentId(_)) if request.document_encoding.is_some() => {
            let message = "the field applies only to `document_text`, not to a stored document; omit it, or send \
                           `document_text`";
            return Err(invalid_argument("document_encoding", message));
        }
        Some(Document::DocumentId(id)) => {
            let (model, vector_name, document) = read_document(context, choice, &request.collection, id).await?;
            query.check_vector_name(&vector_name).map_err(prefix_query_field)?;
            (model, document)
        }
    };
    let query = encode_query(context, &model, query).await.map_err(prefix_query_field)?;
    Ok(build_explanation(&model, query, document))
}

async fn encode_query(context: &ServiceContext, model: &Arc<Model>, query: Query) -> Result<ExplainedVector, ApiError> {
    let EncodedQuery { vector, stats, text } = query.encode(context, model).await?;
    let tokens = match text {
        Some(text) => Some(tokenize(model, Role::Query, text).await?),
        None => None,
    };
    Ok(ExplainedVector { vector, stats, token_ids: tokens })
}

async fn encode_document(
    context: &ServiceContext,
    model: &Arc<Model>,
    text: String,
    encoding: Option<proto::EncodingOptions>,
) -> Result<ExplainedVector, ApiError> {
    const FIELD: &str = "document_text";
    let role = Role::Document;
    let set_text_field = |error: ApiError| ApiError { field: FIELD.to_owned(), ..error };
    check_text(&text, context.limits.max_text_bytes).map_err(set_text_field)?;
    let encoding = parse_encoding(encoding, model.role_encoder(role), context.pruning_defaults.resolve(role, model));
    let EncodingParams { long_text, pruning } =
        encoding.map_err(|error| error.with_field_prefix("document_encoding"))?;
    let tokens = Some(tokenize(model, role, text.clone()).await.map_err(set_text_field)?);
    let options = EncodeOptions { model: Arc::clone(model), role, long_text, pruning };
    let encoded = context.pipeline.encode_one(options, text).await;
    let encoded = encoded.map_err(|error| if error.field == "text" { set_text_field(error) } else { error })?;
    Ok(ExplainedVector { stats: (&encoded).into(), vector: encoded.vector, token_ids: tokens })
}

/// Reads the sparse vector of a stored document. Also returns the collection's model and the name of the vector.
async fn read_document(
    context: &ServiceContext,
    choice: ModelSelector<'_>,
    collection: &str,
    id: proto::DocumentId,
) -> Result<(Arc<Model>, String, ExplainedVector), ApiError> {
    check_collection_name(collection)?;
    let id = DocumentId::try_from(id).map_err(|error| error.with_field_prefix("document_id"))?.to_point_id();
    let ResolvedCollection { name, spec, model } = context.collections.open(collection, choice).await?;
    let points = context.store.retrieve(&name, &[id], &WithVectors::sparse(&spec.vector_name)).await?;
    let Some(point) = points.into_iter().next() else {
        let message = format!(
            "collection `{collection}` has no document with this id; check the id and its kind (num, uuid, key)"
        );
        return Err(ApiError::new(ErrorReason::DocumentNotFound, "document_id", message));
    };
    let tokens = match point.text() {
        Some(text) => Some(tokenize(&model, Role::Document, text.to_owned()).await?),
        None => None,
    };
    let vector = point.sparse.unwrap_or_default();
    let stats = to_vector_stats(&vector, PruningStats::default());
    Ok((model, spec.vector_name, ExplainedVector { vector, stats, token_ids: tokens }))
}

fn build_explanation(model: &Model, query: ExplainedVector, document: ExplainedVector) -> ExplainResponse {
    let mut terms: Vec<TermContribution> = query
        .vector
        .intersection(&document.vector)
        .map(|(index, query_weight, document_weight)| TermContribution {
            index,
            token: find_token(model, index),
            query_weight,
            document_weight,
            contribution: query_weight * document_weight,
            query_origin: query.origin(index).into(),
            document_origin: document.origin(index).into(),
        })
        .collect();
    let score = terms.iter().map(|term| term.contribution).sum();
    terms.sort_by(|a, b| b.contribution.total_cmp(&a.contribution));
    ExplainResponse { terms, score, query_stats: Some(query.stats), document_stats: Some(document.stats) }
}

impl ExplainedVector {
    fn origin(&self, index: u32) -> TermOrigin {
        match &self.token_ids {
            // The text is not stored, so it is unknown whether the term occurs in it.
            None => TermOrigin::Unspecified,
            Some(tokens) if tokens.contains(&index) => TermOrigin::Text,
            Some(_) => TermOrigin::Expansion,
        }
    }
}

/// Returns the ids of a text's tokens, without special tokens. Runs on a blocking thread, since tokenizing a long text is slow.
async fn tokenize(model: &Arc<Model>, role: Role, text: String) -> Result<HashSet<u32>, ApiError> {
    let model = Arc::clone(model);
    let tokens = tokio::task::spawn_blocking(move || {
        let tokenizer = &model.role_encoder(role).tokenizer;
        let tokens = tokenizer.tokenize_all(&text).map_err(|error| error.to_string())?;
        Ok(tokens.into_iter().filter(|&id| !tokenizer.is_special(id)).collect())
    });
    let tokens: Result<_, String> = tokens.await.map_err(|error| error.to_string()).flatten();
    tokens.map_err(|error| invalid_argument("text", format!("the model's tokenizer failed: {error}; change the text")))
}
