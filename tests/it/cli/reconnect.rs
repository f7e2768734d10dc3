//! `ingest` reconnects: after a broken stream, after a lost connection, and after the server was killed.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use splade_sidecar::proto::document_id::Kind;
use splade_sidecar::proto::{Document, IngestOptions, ListDocumentsRequest, PayloadFormat, ReturnOptions};
use tempfile::{TempDir, tempdir};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::checkpoint::{wait_done, wait_tally};
use super::fake::{Break, Ending, Fake, INCARNATION, Rule};
use super::{Run, command, run};
use crate::support::certificates::CertificateAuthority;
use crate::support::process::Process;
use crate::support::proxy::Proxy;
use crate::support::sidecar::Sidecar;

const FLAGS: [&str; 5] = ["docs.jsonl", "--collection", "docs", "--output", "json"];

/// Formats line `n`, from 1. Every fiftieth line is invalid JSON, and the fake server rejects the line after it.
fn format_line(n: u64) -> String {
    match n % 50 {
        0 => format!("no json {n}\n"),
        1 => format!("{}\n", json!({"id": n, "text": "bad"})),
        _ => format!("{}\n", json!({"id": n, "text": format!("document {n}")})),
    }
}

fn is_document(n: u64) -> bool {
    !n.is_multiple_of(50)
}

fn create_input_dir(count: u64) -> TempDir {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("docs.jsonl"), (1..=count).map(format_line).collect::<String>()).unwrap();
    directory
}

async fn ingest(directory: &TempDir, server: &str, more: &[&str]) -> Run {
    run(directory.path(), server, &[&["ingest"], &FLAGS[..], more].concat()).await
}

fn start(directory: &Path, server: &str, arguments: &[&str]) -> Child {
    let mut command = command(directory, server, arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

async fn wait(child: Child) -> Run {
    spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap().into()
}

fn numeric_id(document: &Document) -> u64 {
    match document.id.as_ref().and_then(|id| id.kind.as_ref()) {
        Some(Kind::Num(number)) => *number,
        other => panic!("{other:?}"),
    }
}

/// Returns the document ids of each stream.
fn ids_by_stream(fake: &Fake) -> Vec<Vec<u64>> {
    fake.seen().streams.iter().map(|(_, documents)| documents.iter().map(numeric_id).collect()).collect()
}

fn read_rejected_lines(directory: &TempDir) -> Vec<u64> {
    let text = fs::read_to_string(directory.path().join("docs.jsonl.rejects.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["line_number"].as_u64().unwrap()).collect()
}

/// Asserts that each stream continues at the first document without a result of the stream before it.
async fn resumes_after_every_kind_of_break(serve: impl AsyncFnOnce(&Fake, &TempDir) -> String) {
    const DELAY: Duration = Duration::from_millis(900);
    const BREAKS: &[Break] = &[
        Break::after(0, Ending::Unavailable),
        Break { after: 100, skips_one: true, ending: Ending::Unavailable },
        Break::after(130, Ending::RetryAfter(DELAY)),
        Break::after(10, Ending::StreamIdle),
        Break::after(5, Ending::EndsOk),
    ];
    let fake = Fake::new(Rule::Breaking(BREAKS));
    let directory = create_input_dir(500);
    let server = serve(&fake, &directory).await;
    let run = ingest(&directory, &server, &["--checkpoint", "checkpoint", "--create-collection"]).await;
    assert_eq!(run.code, 1, "{}", run.stderr);
    let summary = run.json();
    let counts =
        ["documents", "indexed", "rejected", "reconnects", "tokens"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [500, 480, 20, 5, 4800], "{}", run.stderr);
    assert!(
        read_rejected_lines(&directory).into_iter().eq((1..=500).filter(|number| number % 50 < 2)),
        "each rejected line is reported once"
    );
    let warnings = [
        "server is going down (UNAVAILABLE)",
        "server at capacity (RESOURCE_EXHAUSTED)",
        "stream idle",
        "without a result",
    ];
    for warning in warnings {
        let line = run.stderr.lines().find(|line| line.contains(warning)).unwrap_or_else(|| panic!("{}", run.stderr));
        assert!(line.contains("the stream broke: ") && line.contains("; retrying in "), "{line}");
    }

    let documents: Vec<u64> = (1..=500).filter(|&number| is_document(number)).collect();
    let streams = ids_by_stream(&fake);
    assert_eq!(streams.len(), 6);
    let opened: Vec<IngestOptions> = fake.seen().options.into_iter().map(|(_, options)| options).collect();
    for ((stream, options), done) in streams.iter().zip(&opened).zip([0, 0, 100, 230, 240, 245]) {
        assert_eq!(stream.as_slice(), &documents[done..done + stream.len()], "all documents are sent in order");
        assert_eq!(options.first_sequence.max(1), done as u64 + 1, "the sequence numbers continue");
    }
    assert_eq!(opened[0].expected_incarnation, "");
    let is_resumed =
        |options: &IngestOptions| options.expected_incarnation == INCARNATION && !options.create_collection;
    assert!(opened[1..].iter().all(is_resumed), "only the collection that was opened first is written: {opened:?}");
    assert_eq!(streams[5].len(), documents.len() - 245);
    let opened: Vec<Instant> = fake.seen().streams.iter().map(|(opened, _)| *opened).collect();
    assert!(opened[3] - opened[2] >= DELAY, "the client waits for the requested delay");
}

#[tokio::test]
async fn every_kind_of_break_over_tcp() {
    resumes_after_every_kind_of_break(async |fake, _| fake.serve().await).await;
}

#[tokio::test]
async fn every_kind_of_break_over_a_unix_socket() {
    resumes_after_every_kind_of_break(async |fake, directory| fake.serve_unix(&directory.path().join("socket"))).await;
}

/// A FAILED document is resent after its retry delay, with all documents after it, and is not reported as final.
#[tokio::test]
async fn failed_documents_are_resent() {
    const DELAY: Duration = Duration::from_millis(700);
    const BREAKS: &[Break] = &[
        Break::after(100, Ending::Fails(DELAY)),
        // A break without progress, then breaks with progress.
        Break::after(0, Ending::Fails(Duration::ZERO)),
        Break::after(30, Ending::Fails(Duration::ZERO)),
    ];
    let fake = Fake::new(Rule::Breaking(BREAKS));
    let directory = create_input_dir(500);
    let run = ingest(&directory, &fake.serve().await, &["--checkpoint", "checkpoint"]).await;
    assert_eq!(run.code, 1, "{}", run.stderr);
    let summary = run.json();
    let counts =
        ["documents", "indexed", "rejected", "reconnects", "tokens"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [500, 480, 20, 3, 4800], "{}", run.stderr);
    assert!(
        read_rejected_lines(&directory).into_iter().eq((1..=500).filter(|number| number % 50 < 2)),
        "each rejected line is reported once"
    );
    assert!(run.stderr.contains("the store is away; send it again (UNAVAILABLE)"), "{}", run.stderr);

    let documents: Vec<u64> = (1..=500).filter(|&number| is_document(number)).collect();
    let streams = ids_by_stream(&fake);
    assert_eq!(streams.len(), 4);
    for ((stream, (_, options)), done) in streams.iter().zip(fake.seen().options).zip([0, 100, 100, 130]) {
        assert_eq!(stream.as_slice(), &documents[done..done + stream.len()], "all documents are sent in order");
        assert_eq!(options.first_sequence.max(1), done as u64 + 1, "the sequence numbers continue");
    }
    assert_eq!(streams[3].len(), documents.len() - 130);
    let opened: Vec<Instant> = fake.seen().streams.iter().map(|(opened, _)| *opened).collect();
    assert!(opened[1] - opened[0] >= DELAY, "the client waits for the requested delay");
}

#[tokio::test]
async fn giving_up_reports_the_reason() {
    let fake = Fake::new(Rule::AlwaysBreaking(Break::after(0, Ending::Fails(Duration::ZERO))));
    let directory = create_input_dir(30);
    let run = ingest(&directory, &fake.serve().await, &["--give-up-after", "1s"]).await;
    assert_eq!(run.code, 2, "{}", run.stderr);
    for part in ["gave up: no progress within 1s", "the store is away", "STORE_UNAVAILABLE", "with --skip 0 "] {
        assert!(run.stderr.contains(part), "{part} is not in {}", run.stderr);
    }
    assert!((3..=8).contains(&ids_by_stream(&fake).len()), "{}", ids_by_stream(&fake).len());
}

/// Leaving a draining server is no failure and needs no delay.
#[tokio::test]
async fn a_draining_server_is_left_for_another() {
    const BREAKS: &[Break] = &[Break::after(100, Ending::Drains), Break::after(50, Ending::Drains)];
    let fake = Fake::new(Rule::Breaking(BREAKS));
    let directory = create_input_dir(20_000);
    let run = ingest(&directory, &fake.serve().await, &["--give-up-after", "0s"]).await;
    assert_eq!(run.code, 1, "{}", run.stderr);
    let summary = run.json();
    let counts = ["documents", "indexed", "rejected", "reconnects"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [20_000, 19_200, 800, 0], "{}", run.stderr);
    assert!(!run.stderr.contains("warning"), "{}", run.stderr);
    let documents: Vec<u64> = (1..=20_000).filter(|&number| is_document(number)).collect();
    assert_eq!(ids_by_stream(&fake).concat(), documents, "each document is sent once");
    assert_eq!(ids_by_stream(&fake).len(), 3);
}

#[tokio::test]
async fn gives_up_after_a_time_without_progress() {
    for how in [
        Break::after(0, Ending::Unavailable),
        // Results after a document that never has a result are no progress.
        Break { after: 0, skips_one: true, ending: Ending::Unavailable },
    ] {
        let fake = Fake::new(Rule::AlwaysBreaking(how));
        let directory = create_input_dir(30);
        let begun = Instant::now();
        let run = ingest(&directory, &fake.serve().await, &["--give-up-after", "1s"]).await;
        assert_eq!(run.code, 2, "{}", run.stderr);
        assert!(
            run.stderr.contains("gave up: no progress within 1s (--give-up-after): the server is"),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains("with --skip 0 "), "{}", run.stderr);
        assert!((3..=8).contains(&ids_by_stream(&fake).len()), "{}", ids_by_stream(&fake).len());
        assert!(begun.elapsed() < Duration::from_secs(20));
    }
}

#[tokio::test]
async fn progress_resets_the_give_up_timeout() {
    let fake = Fake::new(Rule::AlwaysBreaking(Break::after(5, Ending::Unavailable)));
    let directory = create_input_dir(49);
    let run = ingest(&directory, &fake.serve().await, &["--give-up-after", "500ms"]).await;
    assert_eq!((run.code, &run.json()["documents"]), (1, &json!(49)), "{}", run.stderr);
    assert_eq!(ids_by_stream(&fake).len(), 10);
}

#[tokio::test]
async fn permanent_errors_end_the_run_at_once() {
    let fake = Fake::new(Rule::AlwaysBreaking(Break::after(7, Ending::Internal)));
    let directory = create_input_dir(30);
    let server = fake.serve().await;
    let permanent = ingest(&directory, &server, &[]).await;
    assert_eq!((permanent.code, ids_by_stream(&fake).len()), (2, 1));
    assert!(permanent.stderr.contains("error: a defect (INTERNAL)") && !permanent.stderr.contains("retrying"));
    assert!(permanent.stderr.contains("with --skip 7 "), "{}", permanent.stderr);
    // Nothing listens: a wrong address is reported at once.
    let absent = ingest(&directory, "http://127.0.0.1:1", &[]).await;
    assert!(absent.code == 2 && absent.stderr.contains("can't connect"), "{}", absent.stderr);
    let never = Fake::new(Rule::AlwaysBreaking(Break::after(7, Ending::Unavailable)));
    let never_retried = ingest(&directory, &never.serve().await, &["--give-up-after", "0s"]).await;
    assert_eq!((never_retried.code, ids_by_stream(&never).len()), (2, 1));
    assert!(!never_retried.stderr.contains("gave up"), "{}", never_retried.stderr);
}

#[tokio::test]
async fn a_signal_ends_the_wait() {
    let fake = Fake::new(Rule::AlwaysBreaking(Break::after(7, Ending::RetryAfter(Duration::from_secs(200)))));
    let directory = create_input_dir(30);
    let mut child = start(directory.path(), &fake.serve().await, &[&["ingest"], &FLAGS[..]].concat());
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let (mut log, stderr) = spawn_blocking(move || {
        let mut log = String::new();
        while !log.contains("retrying in 200.0 s") {
            assert!(stderr.read_line(&mut log).unwrap() > 0, "{log}");
        }
        (log, stderr)
    })
    .await
    .unwrap();
    let begun = Instant::now();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = wait(child).await;
    log.extend(stderr.lines().map(Result::unwrap));
    assert!(ended.code == 2 && begun.elapsed() < Duration::from_secs(20), "{log}");
    assert!(log.contains("error: interrupted") && log.contains("with --skip 7 "), "{log}");
}

#[tokio::test]
async fn following_survives_broken_streams() {
    const BREAKS: &[Break] =
        &[Break::after(1, Ending::Unavailable), Break::after(0, Ending::RetryAfter(Duration::ZERO))];
    let fake = Fake::new(Rule::Breaking(BREAKS));
    let directory = create_input_dir(3);
    let follow = ["--follow", "--follow-interval", "10ms", "--checkpoint", "checkpoint"];
    let child = start(directory.path(), &fake.serve().await, &[&["ingest"], &FLAGS[..], &follow].concat());
    wait_tally(directory.path(), "/indexed", 2).await;
    let mut file = fs::OpenOptions::new().append(true).open(directory.path().join("docs.jsonl")).unwrap();
    std::io::Write::write_all(&mut file, format_line(4).as_bytes()).unwrap();
    wait_tally(directory.path(), "/indexed", 3).await;
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let ended = wait(child).await;
    assert_eq!((ended.code, &ended.json()["documents"]), (1, &json!(4)), "{}", ended.stderr);
    assert_eq!(ended.json()["reconnects"], 2);
}

/// While there is nothing to send, the server may be unavailable for longer than `--give-up-after`.
#[tokio::test]
async fn a_server_may_be_away_while_there_is_nothing_to_send() {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let proxy = Proxy::start(server.trim_start_matches("http://").parse().unwrap()).await;
    let directory = create_input_dir(3);
    let follow = ["--follow", "--follow-interval", "10ms", "--checkpoint", "checkpoint", "--give-up-after", "1s"];
    let mut child = start(directory.path(), &proxy.url(), &[&["ingest"], &FLAGS[..], &follow].concat());
    wait_tally(directory.path(), "/indexed", 2).await;
    proxy.refuse_connections();
    // There is no event to wait for: the command must not exit in this time.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(child.try_wait().unwrap().is_none(), "the command gave up");
    proxy.clear_faults();
    let mut file = fs::OpenOptions::new().append(true).open(directory.path().join("docs.jsonl")).unwrap();
    std::io::Write::write_all(&mut file, format_line(4).as_bytes()).unwrap();
    wait_tally(directory.path(), "/indexed", 3).await;
    // A signal ends the command while the server is unavailable and there is nothing to send.
    proxy.refuse_connections();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let ended = wait(child).await;
    assert_eq!((ended.code, &ended.json()["documents"]), (1, &json!(4)), "{}", ended.stderr);
    assert_eq!(ended.json()["reconnects"], 1);
}

/// Returns the number in the payload of each stored document, by id.
async fn stored(server: &Process) -> BTreeMap<u64, u64> {
    let request = ListDocumentsRequest {
        collection: "docs".to_owned(),
        page_size: 1_000,
        return_options: Some(ReturnOptions { payload_format: PayloadFormat::Json.into(), ..Default::default() }),
        ..ListDocumentsRequest::default()
    };
    let page = server.index_client().await.list_documents(request).await.unwrap().into_inner();
    assert!(page.next_page_token.is_empty());
    let number_of = |payload: &str| serde_json::from_str::<Value>(payload).unwrap()["n"].as_u64().unwrap();
    let documents = page.documents.iter();
    documents
        .map(|document| match document.id.as_ref().and_then(|id| id.kind.as_ref()) {
            Some(Kind::Num(id)) => (*id, number_of(&document.payload_json)),
            other => panic!("{other:?}"),
        })
        .collect()
}

/// Kills the real server (SIGKILL) during an ingest and restarts it on the same address. Each id occurs
/// several times; its last line must be the stored one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ingest_survives_a_killed_server() {
    const LINES: u64 = 20_000;
    const IDS: u64 = 700;
    let directory = tempdir().unwrap();
    let input = |n: u64| match n % 100 {
        0 => format!("no json {n}\n"),
        1 => format!("{}\n", json!({"id": n % IDS, "text": " "})),
        _ => format!("{}\n", json!({"id": n % IDS, "text": format!("a note about item {n}"), "n": n})),
    };
    fs::write(directory.path().join("docs.jsonl"), (1..=LINES).map(input).collect::<String>()).unwrap();
    let server = Process::start(directory.path(), &[]).await;
    let address = server.address;
    let url = format!("http://{address}");
    let more = ["--create-collection", "--batch-points", "50", "--checkpoint", "checkpoint"];
    let mut child = start(directory.path(), &url, &[&["ingest"], &FLAGS[..], &more].concat());
    wait_some(directory.path(), 300).await;
    server.kill().await;
    assert!(child.try_wait().unwrap().is_none(), "the command ended too soon");
    let server = Process::start(directory.path(), &["--listen", &address.to_string()]).await;
    let ended = wait(child).await;
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stderr.contains("the stream broke: ") && ended.stderr.contains("; retrying in "), "{}", ended.stderr);
    let summary = ended.json();
    let counts = ["documents", "indexed", "rejected"].map(|name| summary[name].as_u64().unwrap());
    assert_eq!(counts, [LINES, LINES - LINES / 50, LINES / 50], "{}", ended.stderr);
    assert!(summary["reconnects"].as_u64().unwrap() >= 1);
    assert!(
        read_rejected_lines(&directory).into_iter().eq((1..=LINES).filter(|number| number % 100 < 2)),
        "each rejected line is reported once"
    );
    wait_done(directory.path(), LINES).await;
    let mut last = BTreeMap::new();
    last.extend((1..=LINES).filter(|number| number % 100 > 1).map(|number| (number % IDS, number)));
    assert_eq!(stored(&server).await, last);
}

/// Waits until the checkpoint records at least `lines` completed lines.
async fn wait_some(directory: &Path, lines: u64) {
    let done = async {
        while fs::read(directory.join("checkpoint"))
            .ok()
            .and_then(|text| serde_json::from_slice::<Value>(&text).ok())
            .is_none_or(|state| state["tally"]["done"]["lines"].as_u64().unwrap() < lines)
        {
            // Another process writes the file.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), done).await.unwrap();
}

/// Connects over TLS by host name; every connection is cut while documents are in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cut_tls_connections_are_reopened() {
    let directory = create_input_dir(15_000);
    let authority = CertificateAuthority::new("ours");
    let server = authority.issue();
    for (name, text) in [("ca", &authority.pem()), ("cert", &server.certificate), ("key", &server.key)] {
        fs::write(directory.path().join(name), text).unwrap();
    }
    fs::write(directory.path().join("tokens"), "token-0123456789").unwrap();
    let path = |name: &str| directory.path().join(name).display().to_string();
    let flags = ["--tls-cert", &path("cert"), "--tls-key", &path("key"), "--auth-tokens", &path("tokens")];
    let sidecar = Sidecar::start_in(TempDir::new().unwrap(), &flags).await;
    let proxy = Proxy::start(sidecar.address).await;
    let server = format!("https://localhost:{}", proxy.address.port());
    let more = ["--create-collection", "--batch-points", "50", "--checkpoint", "checkpoint"];
    let tls = ["--tls-ca", "ca", "--token-file", "tokens"];
    let child = start(directory.path(), &server, &[&["ingest"], &FLAGS[..], &more, &tls].concat());
    wait_some(directory.path(), 1).await;
    proxy.disconnect_all();
    let ended = wait(child).await;
    assert_eq!((ended.code, &ended.json()["documents"]), (1, &json!(15_000)), "{}", ended.stderr);
    assert_eq!(ended.json()["indexed"], 15_000 - 300);
    assert_eq!(ended.json()["reconnects"], 1, "{}", ended.stderr);
    sidecar.stop_drained().await;
}
