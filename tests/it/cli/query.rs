//! The query commands: search, encode, explain, model show and health.

use std::process::Stdio;

use serde_json::json;
use splade_sidecar::proto::{self, LongText, Pruning, Role, explain_request, query};
use tempfile::tempdir;
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::{HealthReporter, health_reporter};

use super::fake::{Fake, Rule};
use super::{Run, command, run};

async fn run_command(fake: &Fake, arguments: &[&str]) -> Run {
    let directory = tempdir().unwrap();
    let run = run(directory.path(), &fake.serve().await, arguments).await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    run
}

#[tokio::test]
async fn search_shows_rank_score_id_and_text() {
    let fake = Fake::new(Rule::Index);
    let arguments = ["search", "a fox", "--collection", "docs", "--limit", "3", "--offset", "1", "--must", "year=2024"];
    let encoding = ["--prune", "min-weight=0.25", "--long-text", "reject"];
    let text = run_command(&fake, &[&arguments[..], &encoding].concat()).await;
    assert_eq!(text.stdout, "   1    1.5000  key:7  a fox\n");
    let [request] = fake.seen().searches.try_into().unwrap();
    assert_eq!((request.collection.as_str(), request.limit, request.offset), ("docs", 3, 1));
    let asked = request.query.unwrap();
    assert_eq!(asked.kind, Some(query::Kind::Text("a fox".to_owned())));
    let encoding = asked.encoding.unwrap();
    assert_eq!(encoding.pruning, Some(Pruning { min_weight: Some(0.25), ..Pruning::default() }));
    assert_eq!((encoding.long_text(), encoding.window_overlap), (LongText::Reject, None));
    assert_eq!(request.filter.unwrap().must.len(), 1);

    let json = run_command(&fake, &["search", "a fox", "--collection", "docs", "--output", "json"]).await;
    let hit = json!({"id": "7", "score": 1.5, "payload": {"text": "a\nfox"}});
    assert_eq!((&json.json()["query"], &json.json()["hits"]), (&json!("a fox"), &json!([hit])));
    let stats = &json.json()["query_stats"];
    assert_eq!((&stats["token_count"], &stats["truncated"]), (&json!(5), &json!(false)));
    assert_eq!(fake.seen().searches[1].filter, None);

    let long = run_command(&fake, &["search", "a long query", "--collection", "docs"]).await;
    assert!(long.stdout.ends_with("the query was truncated to 5 tokens\n"), "{}", long.stdout);
}

#[tokio::test]
async fn search_times_every_query_repeatedly() {
    let fake = Fake::new(Rule::Index);
    let directory = tempdir().unwrap();
    std::fs::write(directory.path().join("queries.txt"), "one\n\ntwo\n").unwrap();
    let arguments = ["search", "--collection", "docs", "--queries", "queries.txt", "--repeat", "3", "--output", "json"];
    let run = run(directory.path(), &fake.serve().await, &arguments).await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.json()["calls"], 6);
    assert!(run.json()["p50_ms"].as_f64().unwrap() <= run.json()["p99_ms"].as_f64().unwrap());
    let second = &fake.seen().searches[1];
    assert_eq!(second.query.as_ref().unwrap().kind, Some(query::Kind::Text("two".to_owned())));
}

#[tokio::test]
async fn encode_shows_the_heaviest_terms_first() {
    let fake = Fake::new(Rule::Index);
    let arguments = ["encode", "a fox", "--role", "query", "--top", "2", "--long-text", "window", "--prune", "none"];
    let text = run_command(&fake, &arguments).await;
    let title = "a fox (5 tokens in 2 windows; 3 terms, 4 more pruned)\n";
    assert_eq!(text.stdout, format!("{title}    2.0000  b\n    0.5000  c\n"));
    let request = fake.seen().encodes[0].clone();
    let encoding = request.encoding.unwrap();
    assert_eq!((request.role(), request.with_tokens, encoding.long_text()), (Role::Query, true, LongText::Window));
    let none = Pruning { max_terms: Some(0), min_weight: Some(0.0), weight_share: Some(0.0) };
    assert_eq!(encoding.pruning, Some(none), "`none` overrides the server's setting");
    let json = run_command(&fake, &["encode", "a fox", "--output", "json"]).await;
    let pruning = fake.seen().encodes[1].encoding.and_then(|encoding| encoding.pruning);
    assert_eq!(pruning.unwrap_or_default(), Pruning::default(), "every rule is left to the server");
    assert_eq!(json.json()["terms"][0], json!({"index": 5, "token": "b", "weight": 2.0}));
}

#[tokio::test]
async fn explain_shows_each_product_and_the_sum() {
    let fake = Fake::new(Rule::Index);
    let text = run_command(&fake, &["explain", "fox", "--collection", "docs", "--id", "key:7"]).await;
    assert!(text.stdout.contains("fox     2.0000 ×   1.5000 =   3.0000  text, expansion\n"), "{}", text.stdout);
    assert!(text.stdout.contains("1 shared terms, of 4 in the query and 9 in the document\n"), "{}", text.stdout);
    let id = proto::DocumentId { kind: Some(proto::document_id::Kind::Key("7".to_owned())) };
    assert_eq!(fake.seen().explains[0].document, Some(explain_request::Document::DocumentId(id)));
    let pruning = ["--prune-query", "max-terms=7", "--prune-text", "max-terms=8", "--long-text", "window"];
    let arguments = ["explain", "fox", "--text", "a fox", "--output", "json", "--window-overlap", "5"];
    let json = run_command(&fake, &[&arguments[..], &pruning].concat()).await;
    assert_eq!(
        fake.seen().explains[0].document_encoding,
        None,
        "a stored document is explained with its stored vector"
    );
    let request = &fake.seen().explains[1];
    let encodings = [request.query.as_ref().unwrap().encoding.unwrap(), request.document_encoding.unwrap()];
    assert_eq!(encodings.map(|encoding| encoding.pruning.unwrap().max_terms), [Some(7), Some(8)]);
    for encoding in encodings {
        assert_eq!((encoding.long_text(), encoding.window_overlap), (LongText::Window, Some(5)));
    }
    assert_eq!((&json.json()["score"], &json.json()["terms"][0]["contribution"]), (&json!(3.0), &json!(3.0)));
}

#[tokio::test]
async fn model_show_lists_or_describes() {
    let fake = Fake::new(Rule::Index);
    assert!(run_command(&fake, &["model", "show"]).await.stdout.starts_with("tiny (default)\n"));
    let described = run_command(&fake, &["model", "show", "tiny", "--output", "json"]).await.json();
    assert_eq!((&described["vocabulary_size"], &described["server_version"]), (&json!(30522), &json!("1.2.3")));
    let directory = tempdir().unwrap();
    let unknown = run(directory.path(), &fake.serve().await, &["model", "show", "huge"]).await;
    assert_eq!((unknown.code, unknown.stderr.as_str()), (2, "error: unknown model `huge` (NOT_FOUND)\n"));
}

#[tokio::test]
async fn an_unreachable_server_is_reported() {
    let directory = tempdir().unwrap();
    // Bound and released: a port without a listener.
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let run = run(directory.path(), &format!("http://{address}"), &["search", "a", "--collection", "docs"]).await;
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains(&format!("can't connect to http://{address}")), "{}", run.stderr);
    assert!(run.stderr.contains("splade-sidecar serve") && run.stderr.contains("refused"), "{}", run.stderr);
}

#[tokio::test]
async fn a_closed_output_pipe_is_not_an_error() {
    let directory = tempdir().unwrap();
    let server = Fake::new(Rule::Index).serve().await;
    let mut command = command(directory.path(), &server, ["search", "a", "--collection", "docs"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let run: Run = spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap().into();
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

/// Starts a server with only a health service.
async fn health_server() -> (HealthReporter, String) {
    let (reporter, service) = health_reporter();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().add_service(service);
    tokio::spawn(async move { server.serve_with_incoming(TcpListenerStream::new(listener)).await });
    (reporter, format!("http://{address}"))
}

#[tokio::test]
async fn health_is_success_only_while_the_server_serves() {
    let directory = tempdir().unwrap();
    let (reporter, server) = health_server().await;
    let service = ["health", "--service", "splade_sidecar.v1.IndexService"];
    reporter.set_service_status("splade_sidecar.v1.IndexService", ServingStatus::NotServing).await;
    let not_serving = run(directory.path(), &server, &service).await;
    assert_eq!((not_serving.code, not_serving.stdout.as_str()), (1, "NOT_SERVING\n"));

    let unknown = run(directory.path(), &server, &["health", "--service", "nothing"]).await;
    assert_eq!(unknown.code, 2, "{}", unknown.stdout);

    let waiting =
        run(directory.path(), &server, &["health", "--service", "splade_sidecar.v1.IndexService", "--wait", "60s"]);
    let serving = reporter.set_service_status("splade_sidecar.v1.IndexService", ServingStatus::Serving);
    let (waiting, ()) = tokio::join!(waiting, serving);
    assert_eq!((waiting.code, waiting.stdout.as_str()), (0, "SERVING\n"), "{}", waiting.stderr);
}

#[tokio::test]
async fn health_waits_for_a_server_that_is_yet_to_start() {
    let directory = tempdir().unwrap();
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let server = format!("http://{address}");
    let never = run(directory.path(), &server, &["health", "--wait", "300ms"]).await;
    assert_eq!(never.code, 2);
    assert!(never.stderr.contains("not serving after 300ms"), "{}", never.stderr);
}
