//! The table of ids, end to end: what is stored, and what `delete` and `explain` find by the same id.

use serde_json::{Value, json};
use splade_sidecar::proto::PayloadFormat;
use tempfile::TempDir;

use super::{ingest, on_both_stores, stored, written};
use crate::support::http1::Client;
use crate::support::sidecar::Sidecar;

const IDS: &str = include_str!("../../data/doors/ids.json");

/// The rows of a section: each id as it is written there, and what it becomes.
fn rows(section: &str) -> Vec<(String, Value)> {
    let lines = IDS.lines().skip_while(|line| !line.contains(section)).skip(1);
    let rows = lines.map_while(|line| line.trim().strip_prefix(r#"{"id": "#)?.rsplit_once(r#", "becomes": "#));
    let rows = rows.map(|(id, becomes)| {
        let becomes = becomes.trim_end_matches(',').strip_suffix('}').unwrap();
        (id.to_owned(), serde_json::from_str(becomes).unwrap())
    });
    rows.collect()
}

/// Asserts which lines were rejected, and which ids a collection has.
async fn check(sidecar: &Sidecar, collection: &str, rows: &[(String, Value)], rejects: &[Value]) {
    for (row, (id, becomes)) in rows.iter().enumerate() {
        let of_row =
            |reject: &&Value| reject["line"].as_str().is_some_and(|line| line.contains(&format!("row {row} ")));
        let reject = rejects.iter().find(of_row);
        assert_eq!(reject.is_some(), becomes == "refused", "{id}: {reject:?}");
        if let Some(reject) = reject {
            assert!(reject["field"].as_str().unwrap().starts_with("id"), "{id}: {reject}");
            assert!(!reject["message"].as_str().unwrap().is_empty(), "{id}: {reject}");
        }
    }
    let documents = stored(sidecar, collection, PayloadFormat::Json).await;
    let made = rows.iter().filter(|(_, becomes)| becomes == "made").count();
    let mut expected: Vec<_> = rows.iter().filter(|(_, id)| id.is_object()).map(|(_, id)| id.to_string()).collect();
    expected.sort_unstable();
    expected.dedup();
    let mut ids: Vec<_> = documents.iter().map(|document| written(document.id.as_ref().unwrap()).to_string()).collect();
    ids.retain(|id| expected.contains(id));
    ids.sort_unstable();
    assert_eq!(ids, expected);
    assert_eq!(documents.len(), expected.len() + made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_json_lines() {
    on_both_stores(async |sidecar: &Sidecar| {
        let folder = TempDir::new().unwrap();
        let rows = rows(r#""values""#);
        let lines: String = rows
            .iter()
            .enumerate()
            .map(|(row, (id, _))| format!("{{\"id\": {id}, \"text\": \"row {row} of the table\", \"row\": {row}}}\n"))
            .collect();
        let (code, rejects) = ingest(sidecar, folder.path(), "ids.jsonl", &lines, &["--collection", "jsonl"]).await;
        assert_eq!(code, 1);
        assert_eq!(rejects.len(), rows.iter().filter(|(_, becomes)| becomes == "refused").count());
        check(sidecar, "jsonl", &rows, &rejects).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables() {
    on_both_stores(async |sidecar: &Sidecar| {
        let folder = TempDir::new().unwrap();
        let rows = rows(r#""texts""#);
        for (file, separator) in [("ids.csv", ','), ("ids.tsv", '\t')] {
            let cells = rows.iter().enumerate().map(|(row, (id, _))| {
                let id: String = serde_json::from_str(id).unwrap();
                format!("{id}{separator}row {row} of the table\n")
            });
            let table = format!("id{separator}text\n{}", cells.collect::<String>());
            let collection = file.replace('.', "-");
            let (code, rejects) = ingest(sidecar, folder.path(), file, &table, &["--collection", &collection]).await;
            assert_eq!((code, rejects.len()), (0, 0));
            check(sidecar, &collection, &rows, &rejects).await;
        }
    })
    .await;
}

/// The contract's form, which JSON over HTTP has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_has_the_form_of_the_contract() {
    on_both_stores(async |sidecar: &Sidecar| {
        let mut client = Client::connect(sidecar.http.unwrap()).await;
        let mut expected = Vec::new();
        let documents: Vec<Value> = rows(r#""values""#)
            .into_iter()
            .filter(|(_, becomes)| becomes.is_object())
            .enumerate()
            .map(|(row, (_, id))| {
                expected.push(id.to_string());
                json!({ "id": id, "text": format!("row {row}") })
            })
            .collect();
        let request = json!({ "options": { "collection": "http", "create_collection": true }, "documents": documents });
        let answer = client.post("/v1/upsert", &request).await.ok();
        for result in answer["results"].as_array().unwrap() {
            assert_eq!(result["status"], "DOCUMENT_STATUS_INDEXED", "{result}");
        }
        let found = stored(sidecar, "http", PayloadFormat::Struct).await;
        let mut found: Vec<_> =
            found.iter().map(|document| written(document.id.as_ref().unwrap()).to_string()).collect();
        found.sort_unstable();
        expected.sort_unstable();
        expected.dedup();
        assert_eq!(found, expected);
    })
    .await;
}
