//! `explain`: prints the terms that contribute to a document's score.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::client::ClientArgs;
use super::fingerprint::FingerprintArgs;
use super::id;
use super::long_text::LongTextArgs;
use super::output::{OutputArgs, stats_to_json, to_single_line, weight_to_json};
use super::pruning;
use crate::proto::explain_request::Document;
use crate::proto::{
    EncodingStats, ExplainRequest, ExplainResponse, Pruning, Query, TermContribution, TermOrigin, query,
};

/// Explain a document's score for a query: print the contribution of each term.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct ExplainCommand {
    /// Text of the query.
    query: String,
    /// Id of a stored document: a number, a UUID or a string (`key:7` is the string 7). Requires --collection.
    #[arg(
        long,
        env = "SPLADE_EXPLAIN_ID",
        value_name = "ID",
        required_unless_present = "text",
        conflicts_with = "text"
    )]
    #[arg(requires = "collection")]
    id: Option<String>,
    /// Text of a document that need not be stored. The alternative to --id.
    #[arg(long, env = "SPLADE_EXPLAIN_TEXT", value_name = "TEXT")]
    text: Option<String>,
    /// Collection of the stored document.
    #[arg(long, env = "SPLADE_COLLECTION", value_name = "NAME")]
    collection: Option<String>,
    /// Name of the model that encodes the texts [default: with --id the model that wrote the collection, otherwise the server's
    /// default model].
    #[arg(long, env = "SPLADE_MODEL_NAME", value_name = "NAME", default_value = "", hide_default_value = true)]
    model: String,
    /// Pruning rules of the query, separated by commas: max-terms=N, min-weight=WEIGHT, weight-share=SHARE (0 =
    /// unlimited); `none` turns off all rules not given [default of each rule: the server's].
    #[arg(long, env = "SPLADE_EXPLAIN_PRUNE_QUERY", value_name = "RULES", value_parser = pruning::parse)]
    prune_query: Option<Pruning>,
    /// Pruning rules of --text, separated by commas: max-terms=N, min-weight=WEIGHT, weight-share=SHARE (0 =
    /// unlimited); `none` turns off all rules not given [default of each rule: the server's].
    #[arg(long, env = "SPLADE_EXPLAIN_PRUNE_TEXT", value_name = "RULES", requires = "text", value_parser = pruning::parse)]
    prune_text: Option<Pruning>,
    #[command(flatten)]
    fingerprint: FingerprintArgs,
    #[command(flatten)]
    long_text: LongTextArgs,
    #[command(flatten)]
    output: OutputArgs,
    #[command(flatten)]
    client: ClientArgs,
}

const EXAMPLE: &str = "\
Examples:
  splade-sidecar explain \"sparse retrieval\" --collection docs --id 42
  splade-sidecar explain \"sparse retrieval\" --text \"inverted indexes keep sparse vectors\"";

impl ExplainCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let query = Query {
            kind: Some(query::Kind::Text(self.query)),
            encoding: Some(self.long_text.encoding_options(self.prune_query)),
            ..Query::default()
        };
        // The API refuses encoding options for a stored document, which is already encoded.
        let document_encoding = self.text.is_some().then(|| self.long_text.encoding_options(self.prune_text));
        let stored = self.id.map(|id| Document::DocumentId(id::from_text(&id)));
        let request = ExplainRequest {
            collection: self.collection.unwrap_or_default(),
            model: self.model,
            query: Some(query),
            document: stored.or(self.text.map(Document::DocumentText)),
            document_encoding,
            ignore_fingerprint: self.fingerprint.ignore_fingerprint,
            ..ExplainRequest::default()
        };
        let response =
            self.client.connect_index().await?.explain(self.client.build_request(request)).await?.into_inner();
        self.output.print(|| format_table(&response), || to_json(&response))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn format_table(response: &ExplainResponse) -> String {
    let tokens: Vec<String> = response.terms.iter().map(|term| to_single_line(&term.token, 40)).collect();
    let width = tokens.iter().map(|token| token.chars().count()).chain([4]).max().unwrap_or_default();
    let mut lines = vec![format!("{:<width$}     query × document = score    from (query, document)", "term")];
    for (term, token) in response.terms.iter().zip(&tokens) {
        lines.push(format!(
            "{token:<width$}  {:>8.4} × {:>8.4} = {:>8.4}  {}, {}",
            term.query_weight,
            term.document_weight,
            term.contribution,
            format_origin(term.query_origin()),
            format_origin(term.document_origin()),
        ));
    }
    lines.push(format!("{:<width$}  {:>30.4}", "sum", response.score));
    let (query, document) = get_stats(response);
    lines.push(format!(
        "{} shared terms, of {} in the query and {} in the document",
        response.terms.len(),
        query.term_count,
        document.term_count
    ));
    for (name, stats) in [("query", query), ("document", document)] {
        if stats.truncated {
            lines.push(format!("the {name} was truncated to {} tokens", stats.token_count));
        }
    }
    lines.join("\n") + "\n"
}

/// Returns the encoding statistics of the query and the document.
fn get_stats(response: &ExplainResponse) -> (EncodingStats, EncodingStats) {
    (response.query_stats.unwrap_or_default(), response.document_stats.unwrap_or_default())
}

fn to_json(response: &ExplainResponse) -> Value {
    let term_to_json = |term: &TermContribution| {
        json!({
            "index": term.index,
            "token": term.token,
            "query_weight": weight_to_json(term.query_weight),
            "document_weight": weight_to_json(term.document_weight),
            "contribution": weight_to_json(term.contribution),
            "query_origin": format_origin(term.query_origin()),
            "document_origin": format_origin(term.document_origin()),
        })
    };
    let (query, document) = get_stats(response);
    json!({
        "score": weight_to_json(response.score),
        "query_stats": stats_to_json(&query),
        "document_stats": stats_to_json(&document),
        "terms": response.terms.iter().map(term_to_json).collect::<Vec<_>>(),
    })
}

fn format_origin(origin: TermOrigin) -> &'static str {
    match origin {
        TermOrigin::Unspecified => "unknown",
        TermOrigin::Text => "text",
        TermOrigin::Expansion => "expansion",
    }
}
