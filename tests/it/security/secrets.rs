//! Secrets never appear in logs, errors or metrics, at TRACE level and in both log formats.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use splade_sidecar::proto::index_service_client::IndexServiceClient;
use splade_sidecar::proto::{SearchRequest, UpsertRequest};
use tempfile::TempDir;
use tokio::task::{block_in_place, spawn_blocking};
use tonic::{Code, Request, Status};

use super::Mounted;
use crate::support::endpoint::Endpoint;
use crate::support::process::serve_command;
use crate::support::qdrant_server::{Call, Options, QdrantServer};
use crate::support::queries::text_query;
use crate::support::upload::{COLLECTION, doc, options};

const TOKEN: &str = "token-5f0c2b7e91";
const SPARE: &str = "spare-8a64d3c0f2";
const WRONG: &str = "wrong-1d9e7b46c5";
const KEY: &str = "qdrant-key-3b8f06";
const SECRETS: [&str; 4] = [TOKEN, SPARE, WRONG, KEY];

/// Process whose output is recorded.
struct Recorded {
    child: Child,
    endpoint: Endpoint,
    output: [JoinHandle<String>; 2],
}

impl Recorded {
    async fn start(directory: &TempDir, flags: &[&str]) -> Self {
        let mut command = serve_command(directory.path(), flags);
        command.stdout(Stdio::piped());
        let mut child = spawn_blocking(move || command.spawn()).await.unwrap().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (found, listening) = mpsc::sync_channel(1);
        let stdout = thread::spawn(move || {
            let mut all = String::new();
            stdout.read_to_string(&mut all).unwrap();
            all
        });
        let stderr = thread::spawn(move || {
            let mut all = String::new();
            for line in stderr.lines().map_while(Result::ok) {
                if let Some(endpoint) = listening_at(&line) {
                    found.try_send(endpoint).unwrap();
                }
                all.push_str(&line);
                all.push('\n');
            }
            all
        });
        let endpoint = block_in_place(|| listening.recv()).expect("the process ended before it listened");
        endpoint.wait_serving().await;
        Self { child, endpoint, output: [stdout, stderr] }
    }

    /// Stops the process and returns its output.
    fn end(mut self) -> String {
        block_in_place(|| {
            let id = self.child.id().to_string();
            assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
            assert_eq!(self.child.wait().unwrap().code(), Some(0));
            self.output.map(|output| output.join().unwrap()).concat()
        })
    }
}

/// Parses the log line with the two listening addresses, in either format.
fn listening_at(line: &str) -> Option<Endpoint> {
    let mut addresses = line.contains("listening").then(|| line.match_indices("127.0.0.1:"))?.map(|(at, _)| {
        let rest = &line[at..];
        rest[..rest.find(['"', ')', ' ']).unwrap_or(rest.len())].parse().unwrap()
    });
    Some(Endpoint { address: addresses.next()?, metrics: addresses.next()?, http: None })
}

fn with<T>(message: T, header: &'static str, value: String) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(header, value.parse().unwrap());
    request
}

fn upsert() -> UpsertRequest {
    UpsertRequest { options: Some(options()), documents: vec![doc(1, "the moon").into()] }
}

fn search() -> SearchRequest {
    SearchRequest { collection: COLLECTION.to_owned(), query: Some(text_query("moon")), ..Default::default() }
}

/// Makes successful and failing calls and returns all responses.
async fn call(endpoint: Endpoint, store: &QdrantServer) -> String {
    let mut index = IndexServiceClient::new(endpoint.channel().await);
    let bearer = |token: &str| ("authorization", format!("Bearer {token}"));
    let (header, value) = bearer(TOKEN);
    let good = index.upsert(with(upsert(), header, value)).await.unwrap();
    let found = index.search(with(search(), "x-api-key", SPARE.to_owned())).await.unwrap();
    assert_eq!(found.get_ref().hits.len(), 1);
    let mut refused: Vec<Status> = Vec::new();
    let (header, value) = bearer(WRONG);
    refused.push(index.search(with(search(), header, value)).await.unwrap_err());
    refused.push(index.search(with(search(), "x-api-key", WRONG.to_owned())).await.unwrap_err());
    assert!(refused.iter().all(|status| status.code() == Code::Unauthenticated));
    // The store refuses the key and repeats it in the error.
    store.faults().fail(Call::ALL, Status::unauthenticated(format!("Invalid API key {KEY}")));
    let (header, value) = bearer(TOKEN);
    refused.push(index.search(with(search(), header, value)).await.unwrap_err());
    let (header, value) = bearer(TOKEN);
    let bad = index.upsert(with(upsert(), header, value)).await;
    let shown = refused.iter().map(|status| {
        let details = String::from_utf8_lossy(status.details()).into_owned();
        format!("{status:?} {status} {details}")
    });
    let shown = shown.collect::<Vec<_>>().join("\n");
    format!("{good:?} {found:?} {bad:?} {shown} {}", endpoint.metrics().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_never_logged_or_returned() {
    for format in ["text", "json"] {
        let store = QdrantServer::start_with(Options { api_key: Some(KEY.to_owned()), ..Options::default() });
        let mounted = Mounted::new(&[("tokens", &format!("{TOKEN}\n{SPARE}")), ("key", &format!(" {KEY}\n"))]);
        let (url, tokens) = (store.url(), mounted.path("tokens").display().to_string());
        let key_file = mounted.path("key").display().to_string();
        let key = if format == "text" { ["--qdrant-api-key-file", &key_file] } else { ["--qdrant-api-key", KEY] };
        let flags = ["--log", "trace", "--log-format", format, "--auth-tokens", &tokens, "--qdrant-url", &url];
        let directory = TempDir::new().unwrap();
        let more = ["--retry-deadline", "1s"];
        let process = Recorded::start(&directory, &[&flags[..], &key, &more].concat()).await;
        let answers = call(process.endpoint, &store).await;
        let output = process.end();
        assert!(output.contains("TRACE") && output.contains("h2::"), "{format}: the log is not at TRACE level");
        assert!(answers.contains("splade_unauthenticated_total 2"), "{format}: {answers}");
        for secret in SECRETS {
            assert!(!answers.contains(secret), "{format}: {secret} is in a response: {answers}");
            let line = output.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{format}: {secret} is in the log");
        }
    }
}
