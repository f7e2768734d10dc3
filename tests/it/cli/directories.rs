//! `ingest` of directories: skipped files are reported, and flags without effect are refused.

use std::fs;
use std::path::Path;

use serde_json::json;
use splade_sidecar::proto::document_id::Kind;
use tempfile::{TempDir, tempdir};

use super::fake::{Fake, Rule};
use super::{Run, run};

fn create_input_dir(files: &[(&str, &str)]) -> TempDir {
    let directory = tempdir().unwrap();
    for (name, content) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    directory
}

async fn ingest(directory: &Path, server: &str, more: &[&str]) -> Run {
    let arguments = [&["ingest", "--collection", "docs", "--output", "json"], more].concat();
    run(directory, server, &arguments).await
}

#[tokio::test]
async fn skipped_files_are_reported_and_the_runs_own_files_are_not_read() {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let line = |id: u64| json!({"id": id, "text": format!("document {id}")}).to_string() + "\n";
    let directory =
        create_input_dir(&[("1.jsonl", &line(1)), ("2.jsonl", "no json\n"), ("README.md", "about"), ("x.bin", "")]);
    let flags = [".", "--checkpoint", "state.jsonl", "--rejects", "bad.jsonl"];
    for _ in 0..2 {
        let run = ingest(directory.path(), &server, &flags).await;
        assert_eq!((run.code, &run.json()["documents"]), (1, &json!(2)), "{}", run.stderr);
        for words in
            ["notice: .: skipped: 1 plain text next to data files (README.md", "1 with an unknown extension (x.bin"]
        {
            assert!(run.stderr.contains(words), "{}", run.stderr);
        }
    }
    assert_eq!(fake.seen().documents().len(), 1);
    let pattern = ingest(directory.path(), &server, &["[1].jsonl", "./1.jsonl"]).await;
    assert_eq!((pattern.code, &pattern.json()["indexed"]), (0, &json!(1)), "{}", pattern.stderr);
    assert!(pattern.stderr.contains("notice: duplicate paths skipped: 1"), "{}", pattern.stderr);
}

#[tokio::test]
async fn an_id_prefix_separates_texts_of_two_directories() {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let directory = create_input_dir(&[("a/readme.md", "one"), ("b/readme.md", "two")]);
    let both = ingest(directory.path(), &server, &["a", "b"]).await;
    assert!(both.code == 2 && both.stderr.contains("--id-prefix"), "{}", both.stderr);
    for (name, prefix) in [("a", "a/"), ("b", "b/")] {
        let flags = [name, "--id-prefix", prefix, "--checkpoint", name.to_uppercase().as_str()].map(str::to_owned);
        let run = ingest(directory.path(), &server, &flags.each_ref().map(String::as_str)).await;
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    let documents = fake.seen().documents();
    let found = documents.into_iter().map(|document| (document.id.and_then(|id| id.kind), document.payload_json));
    let expected = ["a/readme.md", "b/readme.md"]
        .map(|id| (Some(Kind::Key(id.to_owned())), json!({"path": "readme.md"}).to_string()));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    let other = ingest(directory.path(), &server, &["a", "--id-prefix", "c/", "--checkpoint", "A"]).await;
    assert!(other.code == 2 && other.stderr.contains("--id-prefix was `a/` and is `c/`"), "{}", other.stderr);
}

#[tokio::test]
async fn flags_without_effect_and_unwritable_paths_are_refused() {
    let fake = Fake::new(Rule::Index);
    let server = fake.serve().await;
    let directory = create_input_dir(&[("1.jsonl", "{\"text\": \"a\"}\n")]);
    for (flags, words) in [
        (["--vector-name", "v"], "--vector-name (SPLADE_INGEST_VECTOR_NAME) has no effect"),
        (["--shard-count", "2"], "--shard-count (SPLADE_SHARD_COUNT) has no effect"),
        (["--delimiter", ";"], "--delimiter (SPLADE_INGEST_DELIMITER) has no effect"),
        (["--rejects", "absent/x"], "can't write rejected lines to absent/x; set another path with --rejects"),
        (["--checkpoint", "absent/x"], "set another path with --checkpoint"),
    ] {
        let run = ingest(directory.path(), &server, &[&["1.jsonl"], &flags[..]].concat()).await;
        assert!(run.code == 2 && run.stderr.contains(words), "{}", run.stderr);
    }
    let reindex = ["reindex", "--from", "docs", "--into", "new", "--model", "m", "--force-switch"];
    let run = run(directory.path(), &server, &reindex).await;
    assert!(
        run.code == 2 && run.stderr.contains("--force-switch (SPLADE_REINDEX_FORCE_SWITCH) has no effect"),
        "{}",
        run.stderr
    );
    assert!(fake.seen().messages.is_empty());
}
