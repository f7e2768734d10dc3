//! `ingest`: requests, output and exit codes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use splade_sidecar::proto::document_id::Kind;
use splade_sidecar::proto::{LongText, Pruning};
use tempfile::{TempDir, tempdir};
use tokio::task::spawn_blocking;

use super::fake::{Fake, Rule};
use super::{Run, command, run, run_with_input};

/// Creates a directory with the file `docs.jsonl`.
fn create_input_dir(lines: impl IntoIterator<Item = String>) -> TempDir {
    let directory = tempdir().unwrap();
    let lines: Vec<String> = lines.into_iter().collect();
    fs::write(directory.path().join("docs.jsonl"), lines.join("\n") + "\n").unwrap();
    directory
}

fn numbered_lines(count: usize) -> impl Iterator<Item = String> {
    (1..=count).map(|id| json!({"id": id, "text": format!("document {id}")}).to_string())
}

async fn ingest(directory: &Path, server: &str, more: &[&str]) -> Run {
    let arguments = ["ingest", "docs.jsonl", "--collection", "docs", "--output", "json"];
    run(directory, server, &[&arguments, more].concat()).await
}

fn read_rejects(file: &Path) -> Vec<Value> {
    fs::read_to_string(file).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn every_line_is_sent_once_and_the_summary_counts_them() {
    let fake = Fake::new(Rule::Index);
    let directory =
        create_input_dir(numbered_lines(1000).chain([json!({"text": "a long text", "year": 2024}).to_string()]));
    let options = ["--create-collection", "--long-text", "window", "--window-overlap", "9", "--stored-text-field", ""];
    let more = ["--batch-points", "7", "--prune", "max-terms=64,weight-share=0.75"];
    let run = ingest(directory.path(), &fake.serve().await, &[&options[..], &more].concat()).await;

    assert_eq!(run.code, 0, "{}", run.stderr);
    let summary = run.json();
    for (name, expected) in
        [("documents", 1001), ("indexed", 1001), ("rejected", 0), ("truncated", 1), ("tokens", 10010)]
            .into_iter()
            .chain([("windows", 2002), ("terms", 3003), ("pruned_terms", 4004)])
    {
        assert_eq!(summary[name], expected, "{name}");
    }
    assert!(summary["documents_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!((&summary["failure"], &summary["rejects_file"]), (&Value::Null, &Value::Null));
    assert!(!directory.path().join("docs.jsonl.rejects.jsonl").exists(), "no rejects, no file");

    let seen = fake.seen();
    let documents = seen.documents();
    assert_eq!(documents.len(), 1001);
    assert_eq!(documents[41].id.as_ref().unwrap().kind, Some(Kind::Num(42)));
    assert_eq!((documents[1000].id.as_ref(), documents[1000].text.as_str()), (None, "a long text"));
    assert!(documents[1000].payload_json.starts_with(r#"{"year":"#), "{}", documents[1000].payload_json);
    assert!(seen.messages.iter().all(|message| message.len() <= 64));
    let [(0, options)] = seen.options.as_slice() else { panic!("{:?}", seen.options) };
    assert_eq!((options.collection.as_str(), options.create_collection, options.batch_points), ("docs", true, 7));
    let encoding = options.encoding.unwrap();
    assert_eq!((encoding.long_text(), encoding.window_overlap), (LongText::Window, Some(9)));
    let pruning = Pruning { max_terms: Some(64), min_weight: None, weight_share: Some(0.75) };
    assert_eq!(encoding.pruning, Some(pruning), "an unset rule is left to the server");
    assert_eq!(options.text_field.as_deref(), Some(""));
    assert_eq!((options.first_sequence.max(1), options.expected_incarnation.as_str()), (1, ""));
}

#[tokio::test]
async fn rejected_lines_are_kept_with_their_reasons() {
    let lines = ["{\"id\": 1, \"text\": \"good\"}", "no json", "", "{\"id\": 4, \"text\": \"bad\"}", "{\"id\": 5}"];
    let directory = create_input_dir(lines.map(str::to_owned));
    let run = ingest(directory.path(), &Fake::new(Rule::Index).serve().await, &[]).await;

    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!((&run.json()["indexed"], &run.json()["rejected"]), (&json!(1), &json!(3)));
    assert_eq!(run.json()["rejects_file"], "docs.jsonl.rejects.jsonl");
    let rejects = read_rejects(&directory.path().join("docs.jsonl.rejects.jsonl"));
    let mut seen: Vec<_> =
        rejects.iter().map(|r| (r["line_number"].as_u64().unwrap(), r["line"].as_str().unwrap())).collect();
    seen.sort_unstable();
    assert_eq!(seen, [(2, lines[1]), (4, lines[3]), (5, lines[4])]);
    let server = rejects.iter().find(|reject| reject["line_number"] == 4).unwrap();
    assert_eq!(
        (&server["reason"], &server["field"], &server["code"]),
        (&json!("BAD_TEXT"), &json!("text"), &json!("InvalidArgument"))
    );
    assert_eq!(server["message"], "the text is bad; make it good");
}

#[tokio::test]
async fn a_broken_stream_reports_how_to_resume_and_loses_nothing() {
    let directory = create_input_dir(numbered_lines(500));
    let broken = Fake::new(Rule::BreakAfter(300));
    let first = ingest(directory.path(), &broken.serve().await, &["--give-up-after", "0s"]).await;

    assert_eq!(first.code, 2);
    assert!(first.stderr.contains("the server is going down (UNAVAILABLE)"), "{}", first.stderr);
    // Document 299 is the first without a result, although document 300 has one.
    assert!(first.stderr.contains("--skip 298 "), "{}", first.stderr);
    let failure = &first.json()["failure"];
    assert_eq!((&failure["skip"], &failure["durable_through"]), (&json!(298), &json!(298)));
    // The counts cover a prefix of the file.
    assert_eq!(first.json()["indexed"], 298);

    let healthy = Fake::new(Rule::Index);
    let second = ingest(directory.path(), &healthy.serve().await, &["--skip", "298"]).await;
    assert_eq!(second.code, 0, "{}", second.stderr);
    let ids: BTreeSet<u64> = healthy
        .seen()
        .documents()
        .into_iter()
        .map(|document| match document.id.and_then(|id| id.kind) {
            Some(Kind::Num(num)) => num,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(ids, (299..=500).collect());
}

#[tokio::test]
async fn a_resumed_run_adds_to_the_rejects() {
    let directory = create_input_dir(["bad 1", "bad 2"].map(|text| json!({"text": text}).to_string()));
    let server = Fake::new(Rule::Index).serve().await;
    let file = directory.path().join("docs.jsonl.rejects.jsonl");
    for (skip, lines) in [("1", 1), ("1", 2), ("0", 2)] {
        assert_eq!(ingest(directory.path(), &server, &["--skip", skip]).await.code, 1);
        assert_eq!(read_rejects(&file).len(), lines, "--skip {skip}");
    }
}

#[tokio::test]
async fn a_refused_call_is_reported_readably() {
    let directory = create_input_dir(numbered_lines(3));
    let run = ingest(directory.path(), &Fake::new(Rule::Refuse).serve().await, &[]).await;
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("there is no collection `docs` (NOT_FOUND)"), "{}", run.stderr);
    assert!(run.stderr.contains("options.collection: no collection has this name"), "{}", run.stderr);
    assert!(run.stderr.contains("--skip 0 "), "{}", run.stderr);
}

#[tokio::test]
async fn an_interrupt_reports_how_to_resume() {
    let fake = Fake::new(Rule::Swallow);
    let directory = create_input_dir(numbered_lines(10));
    let arguments = ["ingest", "docs.jsonl", "--collection", "docs"];
    let mut command = command(directory.path(), &fake.serve().await, arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    fake.arrivals.0.acquire_many(10).await.unwrap().forget();
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let run: Run = spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap().into();
    assert_eq!(run.code, 2);
    assert!(run.stderr.contains("interrupted") && run.stderr.contains("--skip 0 "), "{}", run.stderr);
}

#[tokio::test]
async fn concurrent_shards_cover_all_documents() {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let line = |n: usize| match n % 10 {
        0 => format!("no json {n}"),
        1 => json!({"id": n, "text": format!("bad {n}")}).to_string(),
        2 => json!({"text": format!("without id {n}")}).to_string(),
        _ => json!({"id": format!("name {n}"), "text": "good"}).to_string(),
    };
    let directory = create_input_dir((0..500).map(line));
    let flags = |shard| ["--shard", shard];
    let (first, second) = (flags("0/2"), flags("1/2"));
    let (first, second) =
        tokio::join!(ingest(directory.path(), &server, &first), ingest(directory.path(), &server, &second));
    let mut rejected = Vec::new();
    for (run, name) in [(&first, "0-of-2"), (&second, "1-of-2")] {
        assert_eq!(run.code, 1, "{}", run.stderr);
        let count = |name: &str| run.json()[name].as_u64().unwrap();
        assert_eq!(count("documents") + count("other_shards"), 500);
        assert!(count("documents") > 200, "{}", run.stdout);
        let file = directory.path().join(format!("docs.jsonl.{name}.rejects.jsonl"));
        assert_eq!(run.json()["rejects_file"], format!("docs.jsonl.{name}.rejects.jsonl"));
        rejected.extend(read_rejects(&file).iter().map(|reject| reject["line_number"].as_u64().unwrap()));
    }
    rejected.sort_unstable();
    assert!(
        rejected.into_iter().eq((1..=500).filter(|number| [1, 2].contains(&(number % 10)))),
        "each rejected line is reported once"
    );
    let texts: Vec<String> = fake.seen().documents().into_iter().map(|document| format!("{:?}", document)).collect();
    assert_eq!((texts.len(), texts.iter().collect::<BTreeSet<_>>().len()), (450, 450));
    let run = ingest(directory.path(), &server, &["--shard", "2/2"]).await;
    assert!(run.code == 2 && run.stderr.contains("such as 0/16"), "{}", run.stderr);
}

#[tokio::test]
async fn standard_input_and_a_unix_socket() {
    let fake = Fake::new(Rule::Index);
    let directory = tempdir().unwrap();
    let server = fake.serve_unix(&directory.path().join("socket"));
    let input = "{\"sku\": \"a-1\", \"body\": \"good\", \"price\": 3, \"x\": 1}\n{\"sku\": \"a-2\", \"body\": \"bad\"}";
    let arguments = [
        "ingest",
        "-",
        "--collection",
        "docs",
        "--id-field",
        "sku",
        "--text-field",
        "body",
        "--payload-fields",
        "price",
    ];
    let run = run_with_input(directory.path(), &server, &arguments, input).await;
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stdout.contains("rejected     1  (see rejects.jsonl)"), "{}", run.stdout);
    assert_eq!(read_rejects(&directory.path().join("rejects.jsonl")).len(), 1);
    let document = &fake.seen().documents()[0];
    assert_eq!(document.id.as_ref().unwrap().kind, Some(Kind::Key("a-1".to_owned())));
    assert!(document.payload_json.starts_with(r#"{"price":"#), "{}", document.payload_json);
}

#[tokio::test]
async fn a_large_document_has_a_message_of_its_own() {
    let fake = Fake::new(Rule::Index);
    let large = json!({"id": 2, "text": "word ".repeat(2_000_000)}).to_string();
    let directory = create_input_dir(numbered_lines(1).chain([large]).chain(numbered_lines(1)));
    let run = ingest(directory.path(), &fake.serve().await, &[]).await;
    assert_eq!(run.code, 0, "{}", run.stderr);
    let sizes: Vec<_> = fake.seen().messages.iter().map(Vec::len).filter(|&size| size > 0).collect();
    assert_eq!(sizes, [1, 1, 1]);
}

#[tokio::test]
async fn errors_are_found_before_anything_is_sent() {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let directory = create_input_dir(numbered_lines(3));
    let own_input = ingest(directory.path(), &server, &["--rejects", "docs.jsonl"]).await;
    assert_eq!(own_input.code, 2);
    assert!(own_input.stderr.contains("--rejects is one of the input files"), "{}", own_input.stderr);
    assert_eq!(
        fs::read_to_string(directory.path().join("docs.jsonl")).unwrap().lines().count(),
        3,
        "the input file is unchanged"
    );

    let no_file = run(directory.path(), &server, &["ingest", "nothing.jsonl", "--collection", "docs"]).await;
    assert_eq!(no_file.code, 2);
    assert!(no_file.stderr.contains("can't open nothing.jsonl"), "{}", no_file.stderr);
    assert!(fake.seen().messages.is_empty());
}
