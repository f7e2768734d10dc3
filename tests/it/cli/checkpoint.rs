//! `ingest --checkpoint`: killed, resumed, refused.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use splade_sidecar::proto::document_id::Kind;
use tempfile::{TempDir, tempdir};
use tokio::time::{sleep, timeout};

use super::fake::{Fake, Rule, Seen};
use super::{Run, command, run, run_with_input};
use crate::support::sidecar::Sidecar;

const FLAGS: [&str; 7] = ["ingest", "docs.jsonl", "--collection", "docs", "--checkpoint", "checkpoint", "--output"];

/// Formats line `n`, from 1. Every tenth line is invalid JSON, and the server rejects the line after it.
fn format_line(n: usize) -> String {
    match n % 10 {
        0 => format!("no json {n}\n"),
        1 => format!("{}\n", json!({"id": n, "text": "bad"})),
        _ => format!("{}\n", json!({"id": n, "text": format!("document {n}")})),
    }
}

fn format_lines(numbers: impl IntoIterator<Item = usize>) -> String {
    numbers.into_iter().map(format_line).collect()
}

fn create_input_dir(count: usize) -> TempDir {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("docs.jsonl"), format_lines(1..=count)).unwrap();
    directory
}

async fn ingest(directory: &Path, server: &str, more: &[&str]) -> Run {
    run(directory, server, &[&FLAGS[..], &["json"], more].concat()).await
}

fn read_checkpoint(directory: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(directory.join("checkpoint")).ok()?).ok()
}

/// Waits until the checkpoint records `lines` completed lines.
pub async fn wait_done(directory: &Path, lines: u64) {
    wait_tally(directory, "/done/lines", lines).await;
}

/// Waits until the tally of the checkpoint has `count` at `pointer`.
pub async fn wait_tally(directory: &Path, pointer: &str, count: u64) {
    let done = async {
        while read_checkpoint(directory).is_none_or(|state| state["tally"].pointer(pointer) != Some(&json!(count))) {
            // Another process writes the file.
            sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = timeout(Duration::from_secs(60), done).await;
    assert!(waited.is_ok(), "{:?}", read_checkpoint(directory));
}

/// Sends SIGKILL and waits for the exit.
pub fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

fn read_rejected_lines(file: PathBuf) -> Vec<u64> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["line_number"].as_u64().unwrap()).collect()
}

fn expected_rejects(count: u64) -> Vec<u64> {
    (1..=count).filter(|number| number % 10 < 2).collect()
}

fn document_ids(seen: &Seen) -> Vec<u64> {
    let ids = seen.documents().into_iter().map(|document| document.id.and_then(|id| id.kind));
    ids.map(|kind| if let Some(Kind::Num(num)) = kind { num } else { panic!("{kind:?}") }).collect()
}

#[tokio::test]
async fn a_killed_run_resumes_from_its_checkpoint() {
    let directory = create_input_dir(1000);
    let rejects = directory.path().join("docs.jsonl.rejects.jsonl");
    // 270 documents are 300 lines; documents 271 to 540 are in flight when the client is killed.
    let holding = Fake::new(Rule::HoldAfter(270));
    let mut first = command(directory.path(), &holding.serve().await, [&FLAGS[..], &["json"]].concat());
    let child = first.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_done(directory.path(), 300).await;
    holding.arrivals.0.acquire_many(540).await.unwrap().forget();
    kill(child);
    assert_eq!(read_rejected_lines(rejects.clone()), expected_rejects(300));
    // Simulates rejects written after the checkpoint; the last line is incomplete.
    let mut file = fs::OpenOptions::new().append(true).open(&rejects).unwrap();
    file.write_all(b"{\"line_number\": 310}\n{\"line_nu").unwrap();

    let healthy = Fake::new(Rule::Index);
    let server = healthy.serve().await;
    let second = ingest(directory.path(), &server, &[]).await;
    assert_eq!(second.code, 1, "{}", second.stderr);
    let (documents, indexed, rejected) = (1000, 800, 200);
    let counts = |run: &Run| ["documents", "indexed", "rejected"].map(|name| run.json()[name].as_u64().unwrap());
    assert_eq!(counts(&second), [documents, indexed, rejected], "the counts cover both runs");
    let sent = document_ids(&healthy.seen());
    assert!(
        sent.iter().copied().eq((301..=1000).filter(|number| number % 10 > 0)),
        "each line is sent once, and no completed line is sent"
    );
    assert_eq!(read_rejected_lines(rejects.clone()), expected_rejects(1000));

    // A third run has nothing to do and needs no server.
    let third = ingest(directory.path(), "http://127.0.0.1:1", &[]).await;
    assert_eq!((third.code, counts(&third)), (1, counts(&second)), "{}", third.stderr);
    let nothing = "nothing to do: docs.jsonl was already read completely, 1000 lines or rows";
    assert!(third.stderr.contains(nothing), "{}", third.stderr);

    // The file grows.
    let mut file = fs::OpenOptions::new().append(true).open(directory.path().join("docs.jsonl")).unwrap();
    file.write_all(format_lines(1001..=1010).as_bytes()).unwrap();
    let fourth = ingest(directory.path(), &server, &[]).await;
    assert_eq!(counts(&fourth), [1010, 808, 202], "{}", fourth.stderr);
    assert_eq!(document_ids(&healthy.seen())[sent.len()..], (1001..=1009).collect::<Vec<_>>());
    assert_eq!(read_rejected_lines(rejects), expected_rejects(1010));
}

#[tokio::test]
async fn a_broken_stream_is_resumed_by_the_same_command() {
    let directory = create_input_dir(300);
    let broken = Fake::new(Rule::BreakAfter(90));
    let first = ingest(directory.path(), &broken.serve().await, &["--give-up-after", "0s"]).await;
    assert_eq!(first.code, 2);
    assert!(first.stderr.contains("Run the same command to resume"), "{}", first.stderr);
    let healthy = Fake::new(Rule::Index);
    let second = ingest(directory.path(), &healthy.serve().await, &[]).await;
    assert_eq!((second.code, &second.json()["documents"]), (1, &json!(300)), "{}", second.stderr);
    // Document 89 (line 98) had no result, although document 90 had one.
    assert_eq!(document_ids(&healthy.seen())[0], 98);
    assert_eq!(read_rejected_lines(directory.path().join("docs.jsonl.rejects.jsonl")), expected_rejects(300));
}

#[tokio::test]
async fn a_checkpoint_of_another_run_is_refused() {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let directory = create_input_dir(30);
    assert_eq!(ingest(directory.path(), &server, &[]).await.code, 1);
    let seen = fake.seen().documents().len();
    fs::write(directory.path().join("other.jsonl"), format_lines(1..=30)).unwrap();
    let refused = async |arguments: &[&str], problem: &str| {
        let run = run(directory.path(), &server, arguments).await;
        assert_eq!(run.code, 2, "{}", run.stdout);
        assert!(run.stderr.contains(problem), "{}", run.stderr);
    };
    let with = |more: &[&'static str]| [&FLAGS[..], &["json"], more].concat();
    refused(&with(&["--shard", "0/2"]), "--shard was `0/1` and is `0/2`").await;
    refused(&with(&["--id-field", "sku"]), "--id-field was `id` and is `sku`").await;
    let other = ["ingest", "other.jsonl", "--collection", "other", "--checkpoint", "checkpoint"];
    refused(&other, "--collection was `docs` and is `other`").await;
    refused(&other, "other.jsonl`").await;
    refused(&with(&["--skip", "3"]), "cannot be used with").await;
    refused(&with(&["--rejects", "checkpoint"]), "are the same file; use different files").await;
    assert_eq!(fake.seen().documents().len(), seen, "nothing is sent");
}

/// Writes a checkpoint as the build of 2026-11-30 left it when it was interrupted, with the paths of `directory`.
fn checkpoint_of_version_2(directory: &Path) -> String {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints/ingest-v2/killed.json");
    let directory = directory.canonicalize().unwrap();
    fs::read_to_string(golden).unwrap().replace("/tmp/goldens/w", &directory.display().to_string())
}

/// Returns the input of that build's run.
fn lines_of_version_2() -> String {
    let line = |n: usize| match n % 10 {
        0 => format!("no json {n}\n"),
        _ => format!("{{\"id\":{n},\"text\":\"document {n}\"}}\n"),
    };
    (1..=5000).map(line).collect()
}

#[tokio::test]
async fn a_checkpoint_of_version_2_is_resumed_and_upgraded_to_version_4() {
    let directory = tempdir().unwrap();
    fs::write(directory.path().join("docs.jsonl"), lines_of_version_2()).unwrap();
    fs::write(directory.path().join("checkpoint"), checkpoint_of_version_2(directory.path())).unwrap();
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let refused = ingest(directory.path(), &server, &["--id-field", "sku"]).await;
    assert!(refused.code == 2 && refused.stderr.contains("--id-field was `id` and is `sku`"), "{}", refused.stderr);
    assert_eq!(read_checkpoint(directory.path()).unwrap()["version"], 2, "a refusal does not change the file");

    let run = ingest(directory.path(), &server, &[]).await;
    assert_eq!((run.code, &run.json()["documents"], &run.json()["indexed"]), (1, &json!(5000), &json!(4500)));
    assert!(document_ids(&fake.seen()).iter().copied().eq((1535..=5000).filter(|number| number % 10 > 0)));
    let written = read_checkpoint(directory.path()).unwrap();
    let input = directory.path().canonicalize().unwrap().join("docs.jsonl");
    assert_eq!(written["version"], 4);
    assert_eq!(written["subject"], json!({"collection": "docs", "input": json!([input]).to_string()}));

    // The file of a later release is refused.
    let later = json!({"version": 5, "anything": [7]}).to_string();
    fs::write(directory.path().join("checkpoint"), &later).unwrap();
    let refused = ingest(directory.path(), &server, &[]).await;
    assert!(refused.code == 2 && refused.stderr.contains("it was written by a later release"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(directory.path().join("checkpoint")).unwrap(), later, "the file is unchanged");
}

/// Uses the real server; the input is a pipe, whose records are distinguished by line number.
#[tokio::test]
async fn every_document_is_stored_once_if_the_client_is_killed() {
    let sidecar = Sidecar::start(&[]).await;
    let server = format!("http://{}", sidecar.address);
    let directory = tempdir().unwrap();
    let flags = ["ingest", "-", "--collection", "docs", "--create-collection", "--checkpoint", "checkpoint"];
    let mut first = command(directory.path(), &server, flags);
    let mut child = first.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(format_lines(1..=205).as_bytes()).unwrap();
    wait_done(directory.path(), 205).await;
    // The client is killed while some of these are stored and some are not.
    input.write_all(format_lines(206..=300).as_bytes()).unwrap();
    kill(child);

    let second = run_with_input(
        directory.path(),
        &server,
        &[&flags[..], &["--output", "json"]].concat(),
        &format_lines(1..=400),
    )
    .await;
    assert_eq!(second.code, 1, "{}", second.stderr);
    // The real server accepts `bad`.
    assert_eq!((&second.json()["documents"], &second.json()["indexed"]), (&json!(400), &json!(360)));
    assert_eq!(sidecar.point_count("docs").await, 360);
    let rejected = read_rejected_lines(directory.path().join("rejects.jsonl"));
    assert!(rejected.into_iter().eq((1..=40).map(|tens| tens * 10)));
    sidecar.stop_drained().await;
}

#[tokio::test]
async fn two_shards_with_checkpoints_share_one_server() {
    let sidecar = Sidecar::start(&[]).await;
    let server = format!("http://{}", sidecar.address);
    let directory = create_input_dir(200);
    let arguments = |shard, checkpoint| {
        let flags = ["ingest", "docs.jsonl", "--collection", "docs", "--create-collection", "--output", "json"];
        [&flags[..], &["--shard", shard, "--checkpoint", checkpoint]].concat()
    };
    let (first, second) = (arguments("0/2", "c.0"), arguments("1/2", "c.1"));
    let (first, second) = tokio::join!(run(directory.path(), &server, &first), run(directory.path(), &server, &second));
    let sum = |name: &str| [&first, &second].map(|run| run.json()[name].as_u64().unwrap()).iter().sum::<u64>();
    assert_eq!((sum("documents"), sum("other_shards"), sum("indexed")), (200, 200, 180));
    assert_eq!(sidecar.point_count("docs").await, 180);
    let rejects =
        ["0", "1"].map(|i| read_rejected_lines(directory.path().join(format!("docs.jsonl.{i}-of-2.rejects.jsonl"))));
    assert_eq!(rejects.concat().into_iter().collect::<BTreeSet<_>>().len(), 20);
    assert_eq!(rejects.concat().len(), 20);
    sidecar.stop_drained().await;
}
