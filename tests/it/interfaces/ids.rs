//! End-to-end test of the table of ids: each id as stored, and as found by `delete` and `explain`.

use serde_json::{Value, json};
use splade_sidecar::proto::PayloadFormat;
use tempfile::TempDir;

use super::{fetch_documents, id_to_json, ingest, on_both_stores};
use crate::support::http1::Http1Client;
use crate::support::sidecar::Sidecar;

const IDS: &str = include_str!("../../data/id_forms/ids.json");

/// Parses a section of the table: each id as written, and the expected result.
fn parse_rows(section: &str) -> Vec<(String, Value)> {
    let lines = IDS.lines().skip_while(|line| !line.contains(section)).skip(1);
    let rows = lines.map_while(|line| line.trim().strip_prefix(r#"{"id": "#)?.rsplit_once(r#", "becomes": "#));
    let rows = rows.map(|(id, becomes)| {
        let becomes = becomes.trim_end_matches(',').strip_suffix('}').unwrap();
        (id.to_owned(), serde_json::from_str(becomes).unwrap())
    });
    rows.collect()
}

/// Asserts which lines were rejected and which ids a collection has.
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
    let documents = fetch_documents(sidecar, collection, PayloadFormat::Json).await;
    let made = rows.iter().filter(|(_, becomes)| becomes == "made").count();
    let mut expected: Vec<_> = rows.iter().filter(|(_, id)| id.is_object()).map(|(_, id)| id.to_string()).collect();
    expected.sort_unstable();
    expected.dedup();
    let mut ids: Vec<_> =
        documents.iter().map(|document| id_to_json(document.id.as_ref().unwrap()).to_string()).collect();
    ids.retain(|id| expected.contains(id));
    ids.sort_unstable();
    assert_eq!(ids, expected);
    assert_eq!(documents.len(), expected.len() + made);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_lines_files() {
    on_both_stores(async |sidecar: &Sidecar| {
        let dir = TempDir::new().unwrap();
        let rows = parse_rows(r#""values""#);
        let lines: String = rows
            .iter()
            .enumerate()
            .map(|(row, (id, _))| format!("{{\"id\": {id}, \"text\": \"row {row} of the table\", \"row\": {row}}}\n"))
            .collect();
        let (code, rejects) = ingest(sidecar, dir.path(), "ids.jsonl", &lines, &["--collection", "jsonl"]).await;
        assert_eq!(code, 1);
        assert_eq!(rejects.len(), rows.iter().filter(|(_, becomes)| becomes == "refused").count());
        check(sidecar, "jsonl", &rows, &rejects).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables() {
    on_both_stores(async |sidecar: &Sidecar| {
        let dir = TempDir::new().unwrap();
        let rows = parse_rows(r#""texts""#);
        for (file, separator) in [("ids.csv", ','), ("ids.tsv", '\t')] {
            let cells = rows.iter().enumerate().map(|(row, (id, _))| {
                let id: String = serde_json::from_str(id).unwrap();
                format!("{id}{separator}row {row} of the table\n")
            });
            let table = format!("id{separator}text\n{}", cells.collect::<String>());
            let collection = file.replace('.', "-");
            let (code, rejects) = ingest(sidecar, dir.path(), file, &table, &["--collection", &collection]).await;
            assert_eq!((code, rejects.len()), (0, 0));
            check(sidecar, &collection, &rows, &rejects).await;
        }
    })
    .await;
}

/// Returns an id as HTTP writes it: in the short form, unless the short form would be parsed as another id.
fn to_short_id(id: &Value) -> Value {
    if let Some(num) = id.get("num") {
        let number: u64 = num.as_str().unwrap().parse().unwrap();
        return if number < 1 << 53 { number.into() } else { id.clone() };
    }
    match (id.get("uuid"), id.get("key")) {
        (Some(uuid), _) => uuid::Uuid::parse_str(uuid.as_str().unwrap()).unwrap().to_string().into(),
        (None, Some(key)) if is_hyphenated_uuid(key.as_str().unwrap()) => id.clone(),
        (None, Some(key)) => key.clone(),
        (None, None) => panic!("{id}"),
    }
}

fn is_hyphenated_uuid(text: &str) -> bool {
    text.len() == 36 && uuid::Uuid::parse_str(text).is_ok()
}

/// Asserts that each row of the table has a result with the expected id.
fn check_results(rows: &[(String, Value)], results: &[Value]) {
    assert_eq!(rows.len(), results.len());
    for ((id, becomes), result) in rows.iter().zip(results) {
        let is_refused = becomes == "refused";
        let status = if is_refused { "OPERATION_STATUS_REJECTED" } else { "OPERATION_STATUS_INDEXED" };
        assert_eq!(result["status"], status, "{id}: {result}");
        if is_refused {
            assert!(result["error"]["field"].as_str().unwrap().starts_with("id"), "{id}: {result}");
            assert!(!result["error"]["message"].as_str().unwrap().is_empty(), "{id}: {result}");
        } else if becomes == "made" {
            assert!(is_hyphenated_uuid(result["id"].as_str().unwrap()), "{id}: {result}");
        } else {
            assert_eq!(result["id"], to_short_id(becomes), "{id}: {result}");
        }
    }
}

/// JSON over HTTP accepts ids like JSON lines, and writes them in the same format.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http() {
    on_both_stores(async |sidecar: &Sidecar| {
        let mut client = Http1Client::connect(sidecar.http.unwrap()).await;
        let rows = parse_rows(r#""values""#);
        let document = |(row, (id, _)): (usize, &(String, Value))| format!("{{\"id\": {id}, \"text\": \"row {row}\"}}");
        let lines: String = rows.iter().enumerate().map(|row| document(row) + "\n").collect();
        let path = "/v1/ingest?collection=lines&create_collection=true";
        let answer = client.send("PUT", path, "application/x-ndjson", lines.as_bytes()).await;
        check_results(&rows, &crate::http::results(&answer.lines()));

        // A unary request fails as a whole if it can't be parsed, so refused ids are left out.
        let taken: Vec<_> = rows.iter().filter(|(_, becomes)| becomes != "refused").cloned().collect();
        let documents: Vec<String> = taken.iter().enumerate().map(document).collect();
        let options = r#"{"collection": "unary", "create_collection": true}"#;
        let body = format!("{{\"options\": {options}, \"documents\": [{}]}}", documents.join(","));
        let answer = client.send("POST", "/v1/upsert", "application/json", body.as_bytes()).await.expect_ok();
        check_results(&taken, answer["results"].as_array().unwrap());

        for collection in ["lines", "unary"] {
            let found = fetch_documents(sidecar, collection, PayloadFormat::Struct).await;
            let found: Vec<_> = found.iter().map(|document| id_to_json(document.id.as_ref().unwrap())).collect();
            let expected = taken.iter().map(|(_, becomes)| becomes).filter(|becomes| becomes.is_object());
            assert!(expected.clone().all(|id| found.contains(id)), "{collection}");

            // Ids of a response are valid in a request.
            let request = json!({ "collection": collection, "page_size": 1_000 });
            let listed = client.post("/v1/list_documents", &request).await.expect_ok();
            let ids: Vec<_> = listed["documents"].as_array().unwrap().iter().map(|it| it["id"].clone()).collect();
            assert!(ids.iter().all(|id| !id.is_object() || *id == to_short_id(id)), "{ids:?}");
            assert_eq!(ids.len(), found.len());
            let got =
                client.post("/v1/get_documents", &json!({ "collection": collection, "ids": ids })).await.expect_ok();
            let got_ids = got["documents"].as_array().unwrap().iter().map(|it| it["id"].clone());
            assert!(got_ids.eq(ids) && got["missing"] == json!([]), "{got}");
        }
    })
    .await;
}
