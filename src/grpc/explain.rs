//! `Explain`: how a score comes about, term by term.

use std::collections::HashSet;
use std::sync::Arc;

use super::ServiceContext;
use super::convert::{Encoding, accept, check_text, parse_encoding, to_token, vector_stats};
use super::faults::invalid;
use super::features::{check_features, check_unset};
use super::query::{EncodedQuery, Query};
use crate::catalog::{ModelChoice, Opened};
use crate::model::Model;
use crate::pipeline::EncodeOptions;
use crate::proto::explain_request::Document;
use crate::proto::{self, EncodingStats, ExplainRequest, ExplainResponse, TermContribution, TermOrigin};
use crate::store::WithVectors;
use crate::types::{DocumentId, Fault, Pruned, Reason, Role, SparseVector, check_collection_name};

/// A vector and, if its text is known, the ids of the text's tokens.
struct Terms {
    vector: SparseVector,
    stats: EncodingStats,
    tokens: Option<HashSet<u32>>,
}

/// Returns the terms that a query and a document share.
///
/// # Errors
/// A request that is invalid, by its field; a document that doesn't exist; a store that fails.
pub async fn explain(shared: &ServiceContext, request: ExplainRequest) -> Result<ExplainResponse, Fault> {
    check_features(&request.required_features)?;
    check_unset("tenant", !request.tenant.is_empty())?;
    let in_query = |fault: Fault| fault.within("query");
    let query = Query::parse(request.query, shared.limits.text_bytes).map_err(in_query)?;
    let choice =
        ModelChoice { models: &shared.models, name: &request.model, accept: accept(request.ignore_fingerprint) };
    let (model, document) = match request.document {
        None => return Err(invalid("document", "it is missing; set `document_id` or `document_text`")),
        Some(Document::DocumentText(text)) => {
            let model = match &*request.collection {
                "" => choice.model(None)?,
                collection => {
                    check_collection_name(collection)?;
                    let opened = shared.collections.open(collection, choice).await?;
                    query.check_vector_name(&opened.spec.vector_name).map_err(in_query)?;
                    opened.model
                }
            };
            let document = encode_document(shared, &model, text, request.document_encoding).await?;
            (model, document)
        }
        Some(Document::DocumentId(_)) if request.document_encoding.is_some() => {
            let message = "a stored document is explained as it is stored; omit it, or send document_text";
            return Err(invalid("document_encoding", message));
        }
        Some(Document::DocumentId(id)) => {
            let (model, spec_vector, document) = read_document(shared, choice, &request.collection, id).await?;
            query.check_vector_name(&spec_vector).map_err(in_query)?;
            (model, document)
        }
    };
    let query = encode_query(shared, &model, query).await.map_err(in_query)?;
    Ok(compare(&model, query, document))
}

async fn encode_query(shared: &ServiceContext, model: &Arc<Model>, query: Query) -> Result<Terms, Fault> {
    let EncodedQuery { vector, stats, text } = query.encode(shared, model).await?;
    let tokens = match text {
        Some(text) => Some(tokenize(model, Role::Query, text).await?),
        None => None,
    };
    Ok(Terms { vector, stats, tokens })
}

async fn encode_document(
    shared: &ServiceContext,
    model: &Arc<Model>,
    text: String,
    encoding: Option<proto::EncodingOptions>,
) -> Result<Terms, Fault> {
    const FIELD: &str = "document_text";
    let role = Role::Document;
    let at_text = |fault: Fault| Fault { field: FIELD.to_owned(), ..fault };
    check_text(&text, shared.limits.text_bytes).map_err(at_text)?;
    let encoding = parse_encoding(encoding, model.side(role), shared.pruning.of(role, model));
    let Encoding { long_text, pruning } = encoding.map_err(|fault| fault.within("document_encoding"))?;
    let tokens = Some(tokenize(model, role, text.clone()).await.map_err(at_text)?);
    let options = EncodeOptions { model: Arc::clone(model), role, long_text, pruning };
    let encoded = shared.pipeline.encode_one(options, text).await;
    let encoded = encoded.map_err(|fault| if fault.field == "text" { at_text(fault) } else { fault })?;
    Ok(Terms { stats: (&encoded).into(), vector: encoded.vector, tokens })
}

/// Reads a stored document's terms. Returns the model that made them and the name of the vector too.
async fn read_document(
    shared: &ServiceContext,
    choice: ModelChoice<'_>,
    collection: &str,
    id: proto::DocumentId,
) -> Result<(Arc<Model>, String, Terms), Fault> {
    check_collection_name(collection)?;
    let id = DocumentId::try_from(id).map_err(|fault| fault.within("document_id"))?.point_id();
    let Opened { name, spec, model } = shared.collections.open(collection, choice).await?;
    let found = shared.store.retrieve(&name, &[id], &WithVectors::sparse(&spec.vector_name)).await?;
    let Some(point) = found.into_iter().next() else {
        let message = format!("collection `{collection}` has no document of this id; check the id and its kind");
        return Err(Fault::new(Reason::DocumentNotFound, "document_id", message));
    };
    let tokens = match point.text() {
        Some(text) => Some(tokenize(&model, Role::Document, text.to_owned()).await?),
        None => None,
    };
    let vector = point.sparse.unwrap_or_default();
    let stats = vector_stats(&vector, Pruned::default());
    Ok((model, spec.vector_name, Terms { vector, stats, tokens }))
}

fn compare(model: &Model, query: Terms, document: Terms) -> ExplainResponse {
    let mut terms: Vec<TermContribution> = query
        .vector
        .shared(&document.vector)
        .map(|(index, query_weight, document_weight)| TermContribution {
            index,
            token: to_token(model, index),
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

impl Terms {
    fn origin(&self, index: u32) -> TermOrigin {
        match &self.tokens {
            None => TermOrigin::Unspecified,
            Some(tokens) if tokens.contains(&index) => TermOrigin::Text,
            Some(_) => TermOrigin::Expansion,
        }
    }
}

/// Returns the ids of all of a text's own tokens. Tokenizing a long text takes a while: not on an async thread.
async fn tokenize(model: &Arc<Model>, role: Role, text: String) -> Result<HashSet<u32>, Fault> {
    let model = Arc::clone(model);
    let tokens = tokio::task::spawn_blocking(move || {
        let tokenizer = &model.side(role).tokenizer;
        let tokens = tokenizer.tokens(&text).map_err(|error| error.to_string())?;
        Ok(tokens.into_iter().filter(|&id| !tokenizer.is_special(id)).collect())
    });
    let tokens: Result<_, String> = tokens.await.map_err(|error| error.to_string()).flatten();
    tokens.map_err(|error| invalid("text", format!("the model's tokenizer can't read the text: {error}")))
}
