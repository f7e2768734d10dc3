//! `reindex` against the real server, on both stores: killed and resumed, and conditions that prevent the alias switch.

mod fixture;

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use splade_sidecar::proto::{
    Collection, CollectionOptions, DeleteRequest, GetCollectionRequest, IngestOptions, SparseVectorOptions,
};
use tokio::task::spawn_blocking;
use tokio::time::{interval, timeout};

use self::fixture::{COMMAND, Fixture, documents, documents_of, with_dense};
use super::{Run, command, run};
use crate::support::documents::{document, key, num, options};

/// Timeout of each wait.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Number of documents in the reindexed collection.
const COUNT: usize = 1_500;

fn read_checkpoint(path: &Path) -> Option<Value> {
    fs::read(path).ok().map(|text| serde_json::from_slice(&text).expect("the checkpoint is complete JSON"))
}

/// Waits until the checkpoint records at least `documents` completed documents.
async fn wait_done(path: &Path, documents: u64) {
    let mut ticks = interval(Duration::from_millis(2));
    let noted = async {
        while read_checkpoint(path).is_none_or(|checkpoint| checkpoint["documents"].as_u64().unwrap() < documents) {
            ticks.tick().await;
        }
    };
    timeout(TIMEOUT, noted).await.expect("the checkpoint does not reach the expected count");
}

/// Sends SIGKILL and waits for the exit.
async fn kill(mut child: Child) {
    child.kill().unwrap();
    spawn_blocking(move || child.wait()).await.unwrap().unwrap();
}

/// Returns the name of the model that writes a collection.
fn model_of(collection: &Collection) -> &str {
    let vectors = &collection.options.as_ref().unwrap().sparse_vectors;
    &vectors.values().next().unwrap().model
}

/// Returns the creation options of a collection without its model.
fn options_without_model(collection: &Collection) -> CollectionOptions {
    let mut options = collection.options.clone().unwrap();
    for vector in options.sparse_vectors.values_mut() {
        let SparseVectorOptions { on_disk_index, datatype, .. } = *vector;
        *vector = SparseVectorOptions { on_disk_index, datatype, ..SparseVectorOptions::default() };
    }
    options
}

async fn assert_killed_reindex_resumes(fixture: Fixture) {
    fixture.ingest(with_dense("docs-v1"), documents(COUNT)).await;
    fixture.set_alias("docs", "docs-v1").await;
    let (before, old) = (fixture.documents("docs-v1").await, fixture.search("docs", "").await);
    let path = fixture.path("docs-v2.reindex.json");
    for at in [100, 300, 600] {
        let mut command = command(fixture.directory.path(), &fixture.url(), COMMAND);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_done(&path, at).await;
        kill(child).await;
        let left = read_checkpoint(&path).unwrap();
        assert_eq!((&left["complete"], &left["run"]["collection"]), (&json!(false), &json!("docs-v1")), "{left}");
        assert!(fixture.collection("docs-v2").await.point_count >= left["documents"].as_i64().unwrap());
        assert_eq!(fixture.alias().await.as_deref(), Some("docs-v1"), "the alias is switched too soon");
        assert_eq!(fixture.search("docs", "").await, old);
    }
    let last = fixture.reindex(&[]).await;
    assert_eq!(last.code, 0, "{}{}", last.stdout, last.stderr);
    let summary = last.json();
    assert!(summary["resumed_after"].as_u64().unwrap() >= 600, "{summary}");
    assert_eq!(summary["documents"].as_u64().unwrap(), COUNT as u64 - summary["resumed_after"].as_u64().unwrap());
    assert_eq!((&summary["alias_switched"], &summary["failure"]), (&json!(true), &Value::Null));
    assert_eq!(summary["counts"], json!({ "from": COUNT, "into": COUNT }));
    assert!(!path.exists() && !fixture.path("docs-v2.rejects.jsonl").exists(), "no files are left");

    // The alias now finds the new model's vectors, without a change of the request.
    assert_eq!(fixture.alias().await.as_deref(), Some("docs-v2"));
    let collection = fixture.collection("docs").await;
    assert_eq!((collection.name.as_str(), model_of(&collection)), ("docs-v2", "new"));
    assert_eq!(
        options_without_model(&collection),
        options_without_model(&fixture.collection("docs-v1").await),
        "the collections differ only in the model"
    );
    assert_eq!(fixture.documents("docs").await, before, "each document is unchanged and stored once");
    let found = fixture.search("docs", "").await;
    assert_eq!((found.len(), &found), (50, &fixture.search("docs-v2", "new").await));
    assert_ne!(found, old);
    fixture.ingest(IngestOptions { model: "new".to_owned(), ..options("fresh") }, documents_of(&before)).await;
    // Scores are those of an ingest by the new model, within rounding: the summation order of terms differs between stores.
    for (found, fresh) in found.iter().zip(fixture.search("fresh", "new").await) {
        assert!((found.score - fresh.score).abs() <= 1e-4 * fresh.score, "{} {}", found.score, fresh.score);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_reindex_resumes_on_the_embedded_store() {
    assert_killed_reindex_resumes(Fixture::embedded().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_reindex_resumes_on_a_qdrant_server() {
    let fixture = Fixture::remote().await;
    fixture.qdrant.as_ref().unwrap().faults().delay_upserts(Duration::from_millis(5));
    assert_killed_reindex_resumes(fixture).await;
}

/// Kills and restarts the server; the command continues without intervention.
#[tokio::test(flavor = "multi_thread")]
async fn reindex_survives_a_killed_server() {
    let fixture = Fixture::embedded().await;
    fixture.ingest(with_dense("docs-v1"), documents(COUNT)).await;
    fixture.set_alias("docs", "docs-v1").await;
    let before = fixture.documents("docs-v1").await;
    // Small pages make it likely that a read is in flight when the server is killed.
    let arguments = COMMAND.iter().map(|&argument| if argument == "20" { "2" } else { argument });
    let mut command = command(fixture.directory.path(), &fixture.url(), arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_done(&fixture.path("docs-v2.reindex.json"), 50).await;
    let fixture = fixture.restarted().await;
    let run: Run = spawn_blocking(move || child.wait_with_output()).await.unwrap().unwrap().into();
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let summary = run.json();
    assert_eq!((&summary["documents"], &summary["rejected"]), (&json!(COUNT), &json!(0)));
    assert!(run.stderr.contains("retrying in"), "{}", run.stderr);
    assert_eq!(fixture.alias().await.as_deref(), Some("docs-v2"));
    assert_eq!(fixture.documents("docs").await, before, "each document is unchanged and stored once");
}

/// Reads a checkpoint of the build of 2026-11-30, which has no version field. One of a later release is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_of_version_1_is_resumed() {
    let fixture = Fixture::embedded().await;
    let few = |number: u64| document(num(number), &format!("document number {number} of a few"));
    fixture.ingest(options("few"), (1..=50).map(few).collect()).await;
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/checkpoints/reindex-v1/window.json");
    fs::copy(golden, fixture.path("checkpoint")).unwrap();
    let flags = ["reindex", "--from", "few", "--into", "few-window", "--model", "new", "--page-size", "20", "--output"];
    let flags = [&flags[..], &["json", "--checkpoint", "checkpoint", "--long-text", "window"]].concat();
    let other = run(fixture.directory.path(), &fixture.url(), &flags).await;
    let problem = "encoding (long texts and pruning) was `long_text 3 Some(9), None` and is `long_text 3 None, None`";
    assert!(other.code == 2 && other.stderr.contains(problem), "{}", other.stderr);
    let flags = [&flags[..], &["--window-overlap", "9"]].concat();
    let resumed = run(fixture.directory.path(), &fixture.url(), &flags).await;
    let summary = resumed.json();
    // The counts differ: the documents before the checkpoint are in no store of this test.
    assert_eq!(
        (resumed.code, &summary["resumed_after"], &summary["documents"]),
        (1, &json!(20), &json!(30)),
        "{}",
        resumed.stderr
    );
    let written = read_checkpoint(&fixture.path("checkpoint")).unwrap();
    assert_eq!(written["version"], 2);
    assert_eq!(written["run"]["encoding"], "long_text=window window_overlap=9");

    fs::write(fixture.path("checkpoint"), r#"{"version": 3}"#).unwrap();
    let refused = run(fixture.directory.path(), &fixture.url(), &flags).await;
    assert!(refused.code == 2 && refused.stderr.contains("a later release wrote the checkpoint"), "{}", refused.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_documents_prevent_the_alias_switch() {
    let fixture = Fixture::embedded().await;
    fixture.ingest(with_dense("docs-v1"), documents(50)).await;
    let unkept = IngestOptions { text_field: Some(String::new()), ..with_dense("docs-v1") };
    fixture.ingest(unkept, vec![document(key("unkept"), "no text is kept")]).await;
    let elsewhere = IngestOptions { text_field: Some("body".to_owned()), ..with_dense("docs-v1") };
    fixture.ingest(elsewhere, vec![document(num(1_000), "the text is elsewhere")]).await;
    fixture.set_alias("docs", "docs-v1").await;

    let first = fixture.reindex(&[]).await;
    assert_eq!(first.code, 1, "{}", first.stderr);
    let summary = first.json();
    assert_eq!((&summary["indexed"], &summary["rejected"]), (&json!(50), &json!(2)));
    assert_eq!((&summary["alias_switched"], &summary["obstacle"]), (&json!(false), &json!("documents were rejected")));
    for part in ["documents were rejected", "--skip-unchanged", "--force-switch"] {
        assert!(first.stderr.contains(part), "{}", first.stderr);
    }
    let rejects = fs::read_to_string(fixture.path("docs-v2.rejects.jsonl")).unwrap();
    let rejects: Vec<Value> = rejects.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let message_of =
        |id: &str| rejects.iter().find(|reject| reject["line"].as_str() == Some(id)).unwrap()["message"].clone();
    assert!(message_of(r#"{"id":"unkept"}"#).as_str().unwrap().contains("was not stored"));
    assert!(message_of(r#"{"id":1000}"#).as_str().unwrap().contains("--text-field body"));
    assert_eq!(fixture.alias().await.as_deref(), Some("docs-v1"));

    // The checkpoint records that only the switch remains.
    let again = fixture.reindex(&[]).await;
    assert_eq!((again.code, &again.json()["documents"]), (1, &json!(0)), "{}", again.stderr);
    assert_eq!(fixture.alias().await.as_deref(), Some("docs-v1"));
    let anyway = fixture.reindex(&["--force-switch"]).await;
    assert_eq!((anyway.code, &anyway.json()["alias_switched"]), (1, &json!(true)), "{}", anyway.stderr);
    assert_eq!(fixture.alias().await.as_deref(), Some("docs-v2"));
    assert!(!fixture.path("docs-v2.reindex.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_count_mismatch_prevents_the_alias_switch() {
    let fixture = Fixture::embedded().await;
    fixture.ingest(with_dense("docs-v1"), documents(30)).await;
    fixture.set_alias("docs", "docs-v1").await;
    let new = IngestOptions { model: "new".to_owned(), ..with_dense("docs-v2") };
    fixture.ingest(new, vec![document(num(9_999), "one that the old collection has not")]).await;
    let run = fixture.reindex(&[]).await;
    assert_eq!((run.code, &run.json()["alias_switched"]), (1, &json!(false)), "{}", run.stderr);
    assert!(run.stderr.contains("`docs-v1` has 30 documents and `docs-v2` has 31"), "{}", run.stderr);
    assert_eq!(fixture.alias().await.as_deref(), Some("docs-v1"));

    // A second run finds documents written during the first.
    let delete = DeleteRequest { collection: "docs-v2".to_owned(), ids: vec![num(9_999)], ..Default::default() };
    fixture.server.index_client().await.delete(delete).await.unwrap();
    fixture.ingest(with_dense("docs-v1"), vec![document(num(31), "one that was written meanwhile")]).await;
    let second = fixture.reindex(&["--skip-unchanged"]).await;
    assert_eq!(second.code, 0, "{}", second.stderr);
    let summary = second.json();
    assert_eq!(
        (&summary["unchanged"], &summary["indexed"], &summary["alias_switched"]),
        (&json!(30), &json!(1), &json!(true))
    );
    assert_eq!(fixture.alias().await.as_deref(), Some("docs-v2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_are_found_before_anything_is_written() {
    let fixture = Fixture::embedded().await;
    fixture.ingest(with_dense("docs-v1"), documents(30)).await;
    fixture.set_alias("docs", "docs-v1").await;
    let reindex = async |from: &str, into: &str, alias: &str, model: &str| {
        let arguments = ["reindex", "--from", from, "--into", into, "--alias", alias, "--model", model];
        let run = run(fixture.directory.path(), &fixture.url(), &arguments).await;
        assert_eq!(run.code, 2, "{}", run.stderr);
        run.stderr
    };
    for (from, into, alias, model, part) in [
        ("absent", "v2", "docs", "new", "the collection `absent` doesn't exist"),
        ("docs", "docs-v1", "docs", "new", "`docs-v1` is the collection to read"),
        ("docs-v1", "docs", "other", "new", "`docs` is an alias of `docs-v1`"),
        ("docs", "v2", "docs-v1", "new", "--alias: `docs-v1` is a collection"),
        ("docs", "v2", "v2", "new", "are both `v2`"),
        ("docs", "v2", "docs", "absent", "unknown model `absent`"),
    ] {
        let output = reindex(from, into, alias, model).await;
        assert!(output.contains(part), "{output}");
    }
    // The checkpoint of an unfinished run with other settings is refused.
    let left = json!({
        "run": { "from": "docs", "collection": "docs-v1", "into": "v2", "model": "new", "fingerprint": "ab", "text_key": "text",
                 "encoding": "" },
        "page_token": "", "complete": false, "documents": 7, "some_rejected": false,
    });
    fs::write(fixture.path("v2.reindex.json"), left.to_string()).unwrap();
    let output = reindex("docs", "v2", "docs", "new").await;
    assert!(
        output.contains("v2.reindex.json belongs to another run: the fingerprint of the model was `ab`"),
        "{output}"
    );
    fs::write(fixture.path("v2.reindex.json"), "{").unwrap();
    let output = reindex("docs", "v2", "docs", "new").await;
    assert!(output.contains("is not a checkpoint of reindex"), "{output}");
    let request = GetCollectionRequest { collection: "v2".to_owned() };
    assert_eq!(
        fixture.server.index_client().await.get_collection(request).await.unwrap_err().code(),
        tonic::Code::NotFound
    );
}

/// Reindexes a collection without documents.
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_collection_is_reindexed() {
    let fixture = Fixture::embedded().await;
    fixture.ingest(with_dense("docs-v1"), Vec::new()).await;
    fixture.set_alias("docs", "docs-v1").await;
    let run = fixture.reindex(&[]).await;
    assert_eq!((run.code, &run.json()["documents"]), (0, &json!(0)), "{}", run.stderr);
    assert_eq!(fixture.alias().await.as_deref(), Some("docs-v2"));
    assert_eq!(model_of(&fixture.collection("docs").await), "new");
}
