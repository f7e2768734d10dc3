//! `Explain`: how a score comes about, term by term.

use std::collections::HashSet;
use std::sync::Arc;

use super::Shared;
use super::document::{check_text, document_id};
use super::options::{accept, invalid, long_text, pruning};
use super::vector::token;
use crate::model::Model;
use crate::pipeline::{EncodeOptions, ModelChoice, Opened, store_fault};
use crate::proto::explain_request::Document;
use crate::proto::{self, ExplainRequest, ExplainResponse, TermContribution, TermOrigin};
use crate::types::{Fault, Reason, Role, SparseVector, check_collection_name};

/// A text's vector and, where the text is known, the ids of its tokens.
struct Terms {
    vector: SparseVector,
    tokens: Option<HashSet<u32>>,
}

/// The terms that a query and a document share.
///
/// # Errors
/// A request that is wrong, by its field; a document that is not there; a store that fails.
pub async fn explain(shared: &Shared, request: ExplainRequest) -> Result<ExplainResponse, Fault> {
    let choice =
        ModelChoice { models: &shared.models, name: &request.model, accept: accept(request.ignore_fingerprint) };
    let options = |model: &Arc<Model>, role, pruning| {
        let long_text = long_text(request.long_text, request.window_overlap, model.side(role))?;
        Ok(EncodeOptions { model: Arc::clone(model), role, long_text, pruning })
    };
    let query_pruning = pruning("query_pruning", request.query_pruning, shared.pruning.query)?;
    let (model, document) = match request.document {
        None => return Err(invalid("document", "there is none; set `id` or `text`")),
        Some(Document::Text(text)) => {
            let pruning = pruning("document_pruning", request.document_pruning, shared.pruning.document)?;
            let model = choice.model(None)?;
            let options = options(&model, Role::Document, pruning)?;
            (model, encode(shared, options, text, "text").await?)
        }
        Some(Document::Id(_)) if request.document_pruning.is_some() => {
            let message = "a stored document is explained as it is stored; leave it out, or give the document's text";
            return Err(invalid("document_pruning", message));
        }
        Some(Document::Id(id)) => stored(shared, choice, &request.collection, id).await?,
    };
    let query = encode(shared, options(&model, Role::Query, query_pruning)?, request.query, "query").await?;
    Ok(explanation(&model, &query, &document))
}

fn explanation(model: &Model, query: &Terms, document: &Terms) -> ExplainResponse {
    let mut terms: Vec<TermContribution> = query
        .vector
        .shared(&document.vector)
        .map(|(index, query_weight, document_weight)| TermContribution {
            index,
            token: token(model, index),
            query_weight,
            document_weight,
            contribution: query_weight * document_weight,
            query_origin: query.origin(index).into(),
            document_origin: document.origin(index).into(),
        })
        .collect();
    let score = terms.iter().map(|term| term.contribution).sum();
    terms.sort_by(|a, b| b.contribution.total_cmp(&a.contribution));
    let count = |vector: &SparseVector| u32::try_from(vector.len()).unwrap_or(u32::MAX);
    let (query_term_count, document_term_count) = (count(&query.vector), count(&document.vector));
    ExplainResponse { terms, score, query_term_count, document_term_count }
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

async fn encode(shared: &Shared, options: EncodeOptions, text: String, field: &str) -> Result<Terms, Fault> {
    check_text(&text, shared.limits.text_bytes).map_err(|fault| Fault { field: field.to_owned(), ..fault })?;
    let tokens = Some(tokens(&options.model, options.role, text.clone()).await?);
    Ok(Terms { vector: shared.pipeline.encode_one(options, text).await?.vector, tokens })
}

/// A stored document's terms, and the model that made them.
async fn stored(
    shared: &Shared,
    choice: ModelChoice<'_>,
    collection: &str,
    id: proto::DocumentId,
) -> Result<(Arc<Model>, Terms), Fault> {
    check_collection_name(collection)?;
    let id = document_id(id).map_err(|fault| fault.within("id"))?.point_id();
    let Opened { name, spec, model } = shared.collections.open(collection, choice).await?;
    let found = shared.store.retrieve(&name, &spec.vector_name, &[id]).await.map_err(store_fault)?;
    let Some(point) = found.into_iter().next() else {
        let message = format!("collection `{collection}` has no document of that id; check the id and its kind");
        return Err(Fault::new(Reason::DocumentNotFound, "id", message));
    };
    let tokens = match point.text() {
        Some(text) => Some(tokens(&model, Role::Document, text.to_owned()).await?),
        None => None,
    };
    Ok((model, Terms { vector: point.sparse.unwrap_or_default(), tokens }))
}

/// The ids of a text's own tokens, all of them. Tokenizing a long text takes a while: not on an async thread.
async fn tokens(model: &Arc<Model>, role: Role, text: String) -> Result<HashSet<u32>, Fault> {
    let model = Arc::clone(model);
    let tokens = tokio::task::spawn_blocking(move || {
        let tokenizer = &model.side(role).tokenizer;
        let tokens = tokenizer.tokens(&text).map_err(|error| error.to_string())?;
        Ok(tokens.into_iter().filter(|&id| !tokenizer.is_special(id)).collect())
    });
    let tokens: Result<_, String> = tokens.await.map_err(|error| error.to_string()).flatten();
    tokens.map_err(|error| invalid("", format!("the model's tokenizer can't read the text: {error}")))
}
