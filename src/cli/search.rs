//! `search`: finds documents, or measures the latency of searches.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::{ClientArgs, ClientConnection};
use super::fingerprint::FingerprintArgs;
use super::id;
use super::latency::Latencies;
use super::long_text::LongTextArgs;
use super::output::{OutputArgs, stats_to_json, to_single_line, weight_to_json};
use super::pruning;
use crate::proto::index_service_client::IndexServiceClient;
use crate::proto::{
    self, Filter, Hit, PayloadFormat, Pruning, Query, ReturnOptions, SearchRequest, SearchResponse, query,
};

/// Maximum number of characters shown of a document's text.
const MAX_EXCERPT_CHARS: usize = 100;

/// Search a collection and print the documents with the highest scores.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct SearchCommand {
    /// Text of the query.
    #[arg(required_unless_present = "queries", conflicts_with = "queries")]
    text: Option<String>,
    /// Collection or alias to search.
    #[arg(long, env = "SPLADE_COLLECTION", value_name = "NAME")]
    collection: String,
    /// Name of the model that encodes the query [default: the model that wrote the collection, otherwise the server's default
    /// model].
    #[arg(long, env = "SPLADE_MODEL_NAME", value_name = "NAME", default_value = "", hide_default_value = true)]
    model: String,
    /// Pruning rules of the query, separated by commas: max-terms=N, min-weight=WEIGHT, weight-share=SHARE (0 =
    /// unlimited); `none` turns off all rules not given [default of each rule: the server's].
    #[arg(long, env = "SPLADE_SEARCH_PRUNE", value_name = "RULES", value_parser = pruning::parse)]
    prune: Option<Pruning>,
    /// Maximum number of documents to return: 1 to 1000.
    #[arg(long, env = "SPLADE_SEARCH_LIMIT", value_name = "N", default_value_t = 10)]
    limit: u32,
    /// Number of highest-scoring documents to skip.
    #[arg(long, env = "SPLADE_SEARCH_OFFSET", value_name = "N", default_value_t = 0)]
    offset: u32,
    /// Filter: return only documents whose payload field PATH equals VALUE; repeat the flag for several conditions, all of which
    /// must hold. `7` is an integer, `true` a boolean, and other values are strings; quote a string such as `"7"` with double
    /// quotes.
    #[arg(long, env = "SPLADE_SEARCH_MUST", value_name = "PATH=VALUE", value_parser = parse_condition)]
    must: Vec<proto::Condition>,
    /// Payload field whose text is printed with each document.
    #[arg(long, env = "SPLADE_SEARCH_TEXT_FIELD", value_name = "FIELD", default_value = "text")]
    text_field: String,
    /// File of queries, one per line. The alternative to a query on the command line.
    #[arg(long, env = "SPLADE_SEARCH_QUERIES", value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Measure latency: run each query this many times, one call at a time, and print the p50 and p99 of the round trips instead
    /// of the documents.
    #[arg(long, env = "SPLADE_SEARCH_REPEAT", value_name = "N")]
    repeat: Option<u32>,
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
  splade-sidecar search \"sparse retrieval\" --collection docs --must year=2024 --must lang=en
  splade-sidecar search --collection docs --queries queries.txt --repeat 200";

impl SearchCommand {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let queries = match (&self.text, &self.queries) {
            (Some(text), _) => vec![text.clone()],
            (None, Some(file)) => read_queries(file).await?,
            (None, None) => Vec::new(),
        };
        let mut index = self.client.connect_index().await?;
        match self.repeat {
            Some(repeat) => self.measure_latency(&mut index, &queries, repeat).await?,
            None => {
                for query in &queries {
                    let response = self.search(&mut index, query).await?;
                    let title = if queries.len() > 1 { format!("{query}\n") } else { String::new() };
                    let text = || format!("{title}{}", format_table(&response, &self.text_field));
                    self.output.print(text, || to_json(query, &response))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn search(
        &self,
        index: &mut IndexServiceClient<ClientConnection>,
        text: &str,
    ) -> anyhow::Result<SearchResponse> {
        let query = Query {
            kind: Some(query::Kind::Text(text.to_owned())),
            encoding: Some(self.long_text.encoding_options(self.prune)),
            ..Query::default()
        };
        let filter = Filter { must: self.must.clone(), ..Filter::default() };
        let return_options = ReturnOptions { payload_format: PayloadFormat::Json.into(), ..ReturnOptions::default() };
        let request = SearchRequest {
            collection: self.collection.clone(),
            query: Some(query),
            filter: (!self.must.is_empty()).then_some(filter),
            limit: self.limit,
            offset: self.offset,
            return_options: Some(return_options),
            model: self.model.clone(),
            ignore_fingerprint: self.fingerprint.ignore_fingerprint,
            ..SearchRequest::default()
        };
        Ok(index.search(self.client.build_request(request)).await?.into_inner())
    }

    async fn measure_latency(
        &self,
        index: &mut IndexServiceClient<ClientConnection>,
        queries: &[String],
        repeat: u32,
    ) -> anyhow::Result<()> {
        let mut durations: Vec<Duration> = Vec::new();
        for _ in 0..repeat {
            for query in queries {
                let start = Instant::now();
                self.search(index, query).await?;
                durations.push(start.elapsed());
            }
        }
        let latencies = Latencies::new(durations);
        self.output.print(|| latencies.to_text(), || latencies.to_json())?;
        Ok(())
    }
}

async fn read_queries(file: &Path) -> anyhow::Result<Vec<String>> {
    let content = tokio::fs::read_to_string(file).await.with_context(|| format!("can't read {}", file.display()))?;
    let queries: Vec<_> = content.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    ensure!(!queries.is_empty(), "{} contains no queries; write one query per line", file.display());
    Ok(queries)
}

/// Parses a condition such as `year=2024`.
fn parse_condition(text: &str) -> Result<proto::Condition, String> {
    let (path, value) =
        text.split_once('=').filter(|(path, _)| !path.is_empty()).ok_or("expected PATH=VALUE, such as year=2024")?;
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let kind = match (quoted, value.parse(), value.parse()) {
        (Some(quoted), _, _) => proto::match_value::Kind::Keyword(quoted.to_owned()),
        (None, Ok(integer), _) => proto::match_value::Kind::Integer(integer),
        (None, _, Ok(boolean)) => proto::match_value::Kind::Boolean(boolean),
        (None, _, _) => proto::match_value::Kind::Keyword(value.to_owned()),
    };
    let test = proto::condition::Test::Match(proto::MatchValue { kind: Some(kind) });
    Ok(proto::Condition { path: path.to_owned(), test: Some(test) })
}

/// Formats one line per hit: rank, score, id and the beginning of the text.
fn format_table(response: &SearchResponse, text_field: &str) -> String {
    let hits = &response.hits;
    let id_text = |hit: &Hit| hit.document.as_ref().and_then(|document| document.id.as_ref()).map(id::to_text);
    let ids: Vec<String> = hits.iter().map(|hit| id_text(hit).unwrap_or_default()).collect();
    let width = ids.iter().map(|id| id.chars().count()).max().unwrap_or_default();
    let lines = hits.iter().zip(&ids).enumerate().map(|(rank, (hit, id))| {
        let rank = rank + 1;
        format!("{rank:>4}  {:>8.4}  {id:<width$}  {}\n", hit.score, extract_excerpt(hit, text_field))
    });
    let mut table = if hits.is_empty() { "nothing found\n".to_owned() } else { lines.collect::<String>() };
    if let Some(stats) = response.query_stats.filter(|stats| stats.truncated) {
        table.push_str(&format!("the query was truncated to {} tokens\n", stats.token_count));
    }
    table
}

fn extract_excerpt(hit: &Hit, text_field: &str) -> String {
    parse_payload(hit)
        .get(text_field)
        .and_then(Value::as_str)
        .map(|text| to_single_line(text, MAX_EXCERPT_CHARS))
        .unwrap_or_default()
}

/// Returns a hit's payload; null if it has none. The server always sends valid JSON.
fn parse_payload(hit: &Hit) -> Value {
    let payload_json = hit.document.as_ref().map_or("", |document| document.payload_json.as_str());
    serde_json::from_str(payload_json).unwrap_or_default()
}

fn to_json(query: &str, response: &SearchResponse) -> Value {
    let mut json = json!({ "query": query, "hits": response.hits.iter().map(hit_to_json).collect::<Vec<_>>() });
    if let Some(stats) = &response.query_stats {
        json["query_stats"] = stats_to_json(stats);
    }
    json
}

fn hit_to_json(hit: &Hit) -> Value {
    let document = hit.document.as_ref();
    let id = id::to_json(document.and_then(|document| document.id.clone()));
    let mut json = json!({ "id": id, "score": weight_to_json(hit.score), "payload": parse_payload(hit) });
    if document.is_some_and(|document| document.payload_unreadable) {
        json["payload_unreadable"] = true.into();
    }
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> proto::match_value::Kind {
        match parse_condition(text).unwrap().test {
            Some(proto::condition::Test::Match(proto::MatchValue { kind: Some(kind) })) => kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_type_of_a_condition_is_inferred() {
        use proto::match_value::Kind::{Boolean, Integer, Keyword};
        assert_eq!(value("year=2024"), Integer(2024));
        assert_eq!(value("year=-1"), Integer(-1));
        assert_eq!(value("draft=true"), Boolean(true));
        assert_eq!(value("lang=en"), Keyword("en".to_owned()));
        assert_eq!(value("code=\"2024\""), Keyword("2024".to_owned()));
        assert_eq!(value("a=b=c"), Keyword("b=c".to_owned()));
        assert_eq!(parse_condition("author.name=Ann").unwrap().path, "author.name");
        assert!(parse_condition("year").is_err());
        assert!(parse_condition("=2024").is_err());
    }
}
