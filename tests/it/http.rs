//! The HTTP gateway and gRPC-Web over real sockets.

mod calls;
mod flow;
mod grpc_web;
mod ingest;
mod refusals;
mod secured;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::endpoint::Endpoint;
use crate::support::http1::{Http1Client, HttpResponse};
use crate::support::sidecar::Sidecar;

/// Starts a server with the HTTP gateway.
async fn start(flags: &[&str]) -> Sidecar {
    Sidecar::start(&[&["--http-listen", "127.0.0.1:0"], flags].concat()).await
}

async fn client(server: &Endpoint) -> Http1Client {
    Http1Client::connect(server.http.expect("the server has no HTTP address")).await
}

/// Sends one POST request on a new connection.
async fn post(server: &Endpoint, path: &str, json: Value) -> HttpResponse {
    client(server).await.post(path, &json).await
}

/// Uploads lines as `curl -T` does and returns the response.
async fn put_lines(server: &Endpoint, path: &str, lines: &str) -> HttpResponse {
    client(server).await.send("PUT", path, "application/x-ndjson", lines.as_bytes()).await
}

/// Formats one line per number, with the text `document {i}`.
fn docs(numbers: impl IntoIterator<Item = u64>) -> String {
    let line = |number| format!("{}\n", json!({ "id": number, "text": format!("document {number}") }));
    numbers.into_iter().map(line).collect()
}

/// Returns the results of a stream in the order of their sequence numbers. Asserts that only the first line opens the stream,
/// each sequence number has one result, and `durable_through` ends at the last one (these tests have no FAILED results).
pub fn results(lines: &[Value]) -> Vec<Value> {
    let mut results: Vec<Value> = Vec::new();
    let (mut seen, mut durable) = (BTreeSet::new(), 0);
    let opens = |line: &Value| line.get("opened").is_some_and(|opened| !opened.is_null());
    assert!(lines.iter().map(opens).eq((0..lines.len()).map(|at| at == 0)), "only the first line opens the stream");
    for line in lines {
        for result in line["results"].as_array().unwrap_or_else(|| panic!("{line}")) {
            assert!(seen.insert(result["sequence"].as_u64().unwrap()), "{result} is there twice");
            results.push(result.clone());
        }
        durable = line["durable_through"].as_u64().unwrap();
        assert!((1..=durable).all(|sequence| seen.contains(&sequence)), "not all up to {durable} have results");
    }
    assert_eq!(durable, results.len() as u64);
    results.sort_by_key(|result| result["sequence"].as_u64());
    results
}

/// Counts the results with a status, given in short form such as `INDEXED`.
fn count(results: &[Value], status: &str) -> usize {
    results.iter().filter(|result| result["status"] == format!("OPERATION_STATUS_{status}")).count()
}

/// Returns the HTTP status, code, reason, invalid fields and message of an error response.
fn error(answer: &HttpResponse) -> (u16, u64, String, Vec<String>, String) {
    assert_eq!(answer.headers["content-type"], "application/json");
    let json = answer.json();
    let detail = |name: &str| {
        let kind = format!("type.googleapis.com/google.rpc.{name}");
        let details = json["details"].as_array().unwrap();
        details.iter().find(|detail| detail["@type"] == kind).cloned().unwrap_or_default()
    };
    let reason = detail("ErrorInfo")["reason"].as_str().unwrap_or_default().to_owned();
    let violations = detail("BadRequest")["field_violations"].as_array().cloned().unwrap_or_default();
    let fields = violations.iter().map(|violation| violation["field"].as_str().unwrap().to_owned()).collect();
    let message = json["message"].as_str().unwrap().to_owned();
    (answer.status, json["code"].as_u64().unwrap(), reason, fields, message)
}
