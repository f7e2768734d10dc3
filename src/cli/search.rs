//! `search`: finds documents, or measures how long that takes.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::{ClientArgs, Connection};
use super::fingerprint::FingerprintArgs;
use super::id;
use super::latency::Latencies;
use super::long_text::LongTextArgs;
use super::output::{OutputArgs, one_line, weight_to_json};
use super::pruning;
use crate::proto::index_service_client::IndexServiceClient;
use crate::proto::search_request::Query;
use crate::proto::{self, Filter, Hit, PayloadFormat, Pruning, SearchRequest};

/// How much of a document's text is shown.
const EXCERPT: usize = 100;

/// Find the documents that score highest for a query.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Search {
    /// The query's text.
    #[arg(required_unless_present = "queries", conflicts_with = "queries")]
    text: Option<String>,
    /// The collection to search.
    #[arg(long, env = "SPLADE_COLLECTION", value_name = "NAME")]
    collection: String,
    /// The model that encodes the query [default: the one that wrote the collection, or else the server's default model].
    #[arg(long, env = "SPLADE_MODEL_NAME", value_name = "NAME", default_value = "", hide_default_value = true)]
    model: String,
    /// Which terms of a query to keep, such as max-terms=128,weight-share=0.9 (rules: max-terms, min-weight, weight-share), or
    /// none to keep all [default: as the server is set].
    #[arg(long, env = "SPLADE_SEARCH_PRUNE", value_name = "RULES", value_parser = pruning::parse)]
    prune: Option<Pruning>,
    /// How many documents to give: 1 to 1000.
    #[arg(long, env = "SPLADE_SEARCH_LIMIT", value_name = "N", default_value_t = 10)]
    limit: u32,
    /// How many of the best to pass over.
    #[arg(long, env = "SPLADE_SEARCH_OFFSET", value_name = "N", default_value_t = 0)]
    offset: u32,
    /// Only documents whose payload field has this value; give it again for more fields. `7` is a number, `true` a truth
    /// value, all else a string; put a string that looks otherwise in double quotes.
    #[arg(long, env = "SPLADE_SEARCH_MUST", value_name = "KEY=VALUE", value_parser = must)]
    must: Vec<proto::Condition>,
    /// The payload field that holds the text to show.
    #[arg(long, env = "SPLADE_SEARCH_TEXT_KEY", value_name = "FIELD", default_value = "text")]
    text_key: String,
    /// Take the queries from a file, one a line, instead of from the command line.
    #[arg(long, env = "SPLADE_SEARCH_QUERIES", value_name = "FILE")]
    queries: Option<PathBuf>,
    /// Run the query, or all of --queries in turn, so many times, and print the p50 and p99 of the round trips instead
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

impl Search {
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let queries = match (&self.text, &self.queries) {
            (Some(text), _) => vec![text.clone()],
            (None, Some(file)) => read_queries(file).await?,
            (None, None) => Vec::new(),
        };
        let mut index = self.client.index().await?;
        match self.repeat {
            Some(repeat) => self.measure(&mut index, &queries, repeat).await?,
            None => {
                for query in &queries {
                    let hits = self.search(&mut index, query).await?;
                    let title = if queries.len() > 1 { format!("{query}\n") } else { String::new() };
                    let text = || format!("{title}{}", table(&hits, &self.text_key));
                    self.output.print(text, || json!({"query": query, "hits": hits_to_json(hits.clone())}))?;
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn search(&self, index: &mut IndexServiceClient<Connection>, query: &str) -> anyhow::Result<Vec<Hit>> {
        let filter = Filter { must: self.must.clone(), ..Filter::default() };
        let request = SearchRequest {
            collection: self.collection.clone(),
            query: Some(Query::Text(query.to_owned())),
            model: self.model.clone(),
            filter: (!self.must.is_empty()).then_some(filter),
            limit: self.limit,
            offset: self.offset,
            long_text: self.long_text.long_text(),
            window_overlap: self.long_text.window_overlap,
            pruning: self.prune,
            ignore_fingerprint: self.fingerprint.ignore_fingerprint,
            payload_format: PayloadFormat::Json.into(),
            ..SearchRequest::default()
        };
        Ok(index.search(self.client.request(request)).await?.into_inner().hits)
    }

    async fn measure(
        &self,
        index: &mut IndexServiceClient<Connection>,
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
    ensure!(!queries.is_empty(), "{} holds no query; write one a line", file.display());
    Ok(queries)
}

/// `year=2024`, as a condition.
fn must(text: &str) -> Result<proto::Condition, String> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("give KEY=VALUE")?;
    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    let kind = match (quoted, value.parse(), value.parse()) {
        (Some(quoted), _, _) => proto::match_value::Kind::Keyword(quoted.to_owned()),
        (None, Ok(integer), _) => proto::match_value::Kind::Integer(integer),
        (None, _, Ok(boolean)) => proto::match_value::Kind::Boolean(boolean),
        (None, _, _) => proto::match_value::Kind::Keyword(value.to_owned()),
    };
    let test = proto::field_condition::Test::Equals(proto::MatchValue { kind: Some(kind) });
    let field = proto::FieldCondition { key: key.to_owned(), test: Some(test) };
    Ok(proto::Condition { kind: Some(proto::condition::Kind::Field(field)) })
}

/// Rank, score, id and the beginning of the text, a line each.
fn table(hits: &[Hit], text_key: &str) -> String {
    let ids: Vec<String> = hits.iter().map(|hit| hit.id.as_ref().map(id::to_text).unwrap_or_default()).collect();
    let width = ids.iter().map(|id| id.chars().count()).max().unwrap_or_default();
    let lines = hits.iter().zip(&ids).enumerate().map(|(rank, (hit, id))| {
        let rank = rank + 1;
        format!("{rank:>4}  {:>8.4}  {id:<width$}  {}\n", hit.score, excerpt(hit, text_key))
    });
    if hits.is_empty() { "nothing found\n".to_owned() } else { lines.collect() }
}

fn excerpt(hit: &Hit, text_key: &str) -> String {
    payload(hit).get(text_key).and_then(Value::as_str).map(|text| one_line(text, EXCERPT)).unwrap_or_default()
}

/// A hit's payload; null if it has none. The server writes it as JSON, so it can be read.
fn payload(hit: &Hit) -> Value {
    serde_json::from_str(&hit.payload_json).unwrap_or_default()
}

fn hits_to_json(hits: Vec<Hit>) -> Vec<Value> {
    let hit = |hit: Hit| {
        let payload = payload(&hit);
        let mut json = json!({ "id": id::to_json(hit.id), "score": weight_to_json(hit.score), "payload": payload });
        if hit.payload_unreadable {
            json["payload_unreadable"] = true.into();
        }
        json
    };
    hits.into_iter().map(hit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> proto::match_value::Kind {
        match must(text).unwrap().kind {
            Some(proto::condition::Kind::Field(proto::FieldCondition {
                test: Some(proto::field_condition::Test::Equals(proto::MatchValue { kind: Some(kind) })),
                ..
            })) => kind,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn conditions_have_the_type_that_they_look_like() {
        use proto::match_value::Kind::{Boolean, Integer, Keyword};
        assert_eq!(value("year=2024"), Integer(2024));
        assert_eq!(value("year=-1"), Integer(-1));
        assert_eq!(value("draft=true"), Boolean(true));
        assert_eq!(value("lang=en"), Keyword("en".to_owned()));
        assert_eq!(value("code=\"2024\""), Keyword("2024".to_owned()));
        assert_eq!(value("a=b=c"), Keyword("b=c".to_owned()));
        assert!(must("year").is_err());
        assert!(must("=2024").is_err());
    }
}
