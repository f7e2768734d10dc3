//! 64-bit integers are exact through every interface, into both stores and back.

use serde_json::{Value, json};
use splade_sidecar::proto::{Document, OperationStatus, PayloadFormat, ReturnOptions, SearchRequest, StoredDocument};
use tempfile::TempDir;

use super::{fetch_documents, fetch_payload, ingest, on_both_stores};
use crate::support::documents::{document, num, options, to_payload};
use crate::support::http1::Http1Client;
use crate::support::queries::text_query;
use crate::support::sidecar::Sidecar;

/// A JSON payload of integers at the limits.
const NUMBERS: &str = r#"{"max": 9223372036854775807, "min": -9223372036854775808, "odd": 9007199254740993, "one": [1.0, 1e0, 1],
    "large": 1e18, "float": 0.30000000000000004, "huge": 1e300, "small": -5e-324, "zero": -0.0, "in": {"n": [-9007199254740993]}}"#;

fn expected() -> Value {
    json!({
        "max": i64::MAX, "min": i64::MIN, "odd": 9_007_199_254_740_993_i64, "one": [1, 1, 1],
        "large": 1_000_000_000_000_000_000_i64, "float": 0.1 + 0.2, "huge": 1e300, "small": -5e-324, "zero": 0,
        "in": {"n": [-9_007_199_254_740_993_i64]},
    })
}

/// Returns `NUMBERS` on one line, with additional fields in front.
fn line(fields: &str) -> String {
    format!("{{{fields}, {}\n", NUMBERS.replace('\n', " ").trim_start_matches('{'))
}

/// Converts a payload to that of an HTTP response, in which JavaScript keeps every digit.
fn over_http(value: Value) -> Value {
    const EXACT: i64 = (1 << 53) - 1;
    match value {
        Value::Number(number) => match number.as_i64() {
            Some(integer) if !(-EXACT..=EXACT).contains(&integer) => Value::String(integer.to_string()),
            _ => Value::Number(number),
        },
        Value::Array(all) => all.into_iter().map(over_http).collect(),
        Value::Object(all) => all.into_iter().map(|(name, value)| (name, over_http(value))).collect(),
        other => other,
    }
}

/// Asserts that a document in an HTTP response has this payload, and names the fields whose numbers are strings.
fn check_http(document: &Value, payload: &Value, what: &str) {
    assert_eq!(document["payload"], over_http(payload.clone()), "{what}");
    let changed = payload.as_object().unwrap().iter().filter(|(_, value)| over_http(Value::clone(value)) != **value);
    let mut expected: Vec<_> = changed.map(|(name, _)| name.as_str()).collect();
    expected.sort_unstable();
    let inexact = document["inexact_fields"].as_array().unwrap().iter();
    let mut inexact: Vec<_> = inexact.map(|name| name.as_str().unwrap()).collect();
    inexact.sort_unstable();
    assert_eq!(inexact, expected, "{what}");
}

async fn search(sidecar: &Sidecar, collection: &str, format: PayloadFormat) -> StoredDocument {
    let request = SearchRequest {
        collection: collection.to_owned(),
        query: Some(text_query("a text")),
        return_options: Some(ReturnOptions { payload_format: format.into(), ..ReturnOptions::default() }),
        ..SearchRequest::default()
    };
    sidecar.index_client().await.search(request).await.unwrap().into_inner().hits.remove(0).document.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn integers_are_exact_through_every_interface() {
    on_both_stores(async |sidecar: &Sidecar| {
        let dir = TempDir::new().unwrap();
        let mut http = Http1Client::connect(sidecar.http.unwrap()).await;

        let of_grpc = Document { payload_json: NUMBERS.to_owned(), ..document(num(1), "a text") };
        let results = sidecar.ingest(options("grpc"), vec![of_grpc]).await;
        assert_eq!(results[0].status(), OperationStatus::Indexed, "{results:?}");

        let unary = format!(
            r#"{{"options": {{"collection": "unary", "create_collection": true}}, "documents": [{{"text": "a text", "payload": {NUMBERS}}}]}}"#
        );
        let answer = http.send("POST", "/v1/upsert", "application/json", unary.as_bytes()).await.expect_ok();
        assert_eq!(answer["results"][0]["status"], "OPERATION_STATUS_INDEXED", "{answer}");

        let lines = format!("{{\"text\": \"a text\", \"payload\": {}}}\n", NUMBERS.replace('\n', " "));
        let path = "/v1/ingest?collection=lines&create_collection=true";
        let answer = http.send("PUT", path, "application/x-ndjson", lines.as_bytes()).await;
        assert!(answer.lines().last().is_some_and(|line| line["durable_through"] == 1), "{:?}", answer.lines());

        let jsonl = line(r#""text": "a text""#);
        let (code, rejects) = ingest(sidecar, dir.path(), "n.jsonl", &jsonl, &["--collection", "cli"]).await;
        assert_eq!((code, &rejects), (0, &Vec::new()), "{rejects:?}");

        let csv = format!("text,of\na text,\"{}\"\n", NUMBERS.replace('\n', " ").replace('"', "\"\""));
        let flags = ["--collection", "csv", "--csv-types", "of=json"];
        assert_eq!(ingest(sidecar, dir.path(), "n.csv", &csv, &flags).await.0, 0);

        let address = format!("http://{}", sidecar.address);
        for collection in ["grpc", "unary", "lines", "cli", "csv"] {
            let expected = if collection == "csv" { json!({ "of": expected() }) } else { expected() };
            assert_eq!(fetch_payload(sidecar, collection, "a text").await, expected, "{collection}");

            let mut with_text = expected.clone();
            with_text["text"] = json!("a text");
            let hit = search(sidecar, collection, PayloadFormat::Json).await;
            assert_eq!(serde_json::from_str::<Value>(&hit.payload_json).unwrap(), with_text, "{collection}");
            assert!(hit.payload.is_none() && hit.inexact_fields.is_empty());

            let listed = http.post("/v1/list_documents", &json!({ "collection": collection })).await.expect_ok();
            check_http(&listed["documents"][0], &with_text, collection);
            let request = json!({ "collection": collection, "query": { "text": "a text" } });
            let found = http.post("/v1/search", &request).await.expect_ok();
            check_http(&found["hits"][0]["document"], &with_text, collection);
            let run = ["search", "a text", "--collection", collection, "--output", "json"];
            let run = crate::cli::run(dir.path(), &address, &run).await;
            assert_eq!(run.json()["hits"][0]["payload"], with_text, "{collection}: {}", run.stderr);
        }

        // A Struct can't represent them: those fields are reported, the others are exact.
        let hit = search(sidecar, "grpc", PayloadFormat::Unspecified).await;
        let mut inexact = hit.inexact_fields;
        inexact.sort_unstable();
        assert_eq!((inexact, hit.payload_json.as_str()), (["in", "max", "odd"].map(str::to_owned).to_vec(), ""));
        let documents = fetch_documents(sidecar, "grpc", PayloadFormat::Struct).await;
        assert_eq!(documents[0].inexact_fields.len(), 3);
        assert_eq!(documents[0].payload, hit.payload);
    })
    .await;
}

/// Equal payloads in both formats are one document, if the format can represent the values.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_payload_formats_store_one_document() {
    on_both_stores(async |sidecar: &Sidecar| {
        let fields =
            json!({"year": 1967, "x": 0.1, "tags": ["a", null, true], "by": {"n": -5.0, "": {}}, "large": 1e17});
        let of_struct = Document { payload: Some(to_payload(fields.clone())), ..document(num(1), "a text") };
        let of_json = Document { payload_json: fields.to_string(), ..document(num(1), "a text") };
        let skipping = || splade_sidecar::proto::IngestOptions { skip_unchanged: true, ..options("docs") };
        let results = sidecar.ingest(skipping(), vec![of_struct]).await;
        assert_eq!(results[0].status(), OperationStatus::Indexed, "{results:?}");
        let results = sidecar.ingest(skipping(), vec![of_json]).await;
        assert_eq!(results[0].status(), OperationStatus::Unchanged, "{results:?}");
    })
    .await;
}

/// An integer out of the 64-bit range rejects its document with the path, and is never rounded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn out_of_range_integers_are_rejected_with_their_path() {
    on_both_stores(async |sidecar: &Sidecar| {
        let dir = TempDir::new().unwrap();
        let mut http = Http1Client::connect(sidecar.http.unwrap()).await;
        for (payload, field) in [
            (r#"{"a": [0, 9223372036854775808]}"#, "payload.a[1]"),
            (r#"{"a": 18446744073709551616}"#, "payload.a"),
            (r#"{"a": {"b": -9223372036854775809}}"#, "payload.a.b"),
            (r#"{"a": 123456789012345678901234567890}"#, "payload.a"),
            (r#"{"a": 1e999}"#, "payload.a"),
        ] {
            let bad = Document { payload_json: payload.to_owned(), ..document(num(1), "a text") };
            let results = sidecar.ingest(options("grpc"), vec![bad, document(num(2), "another text")]).await;
            let error = results[0].error.as_ref().unwrap();
            assert_eq!((error.field.as_str(), results[1].status()), (field, OperationStatus::Indexed), "{payload}");
            assert!(error.message.contains("string") || error.message.contains("out of range"), "{error:?}");

            let lines = format!("{{\"text\": \"a text\", \"payload\": {payload}}}\n{{\"text\": \"another text\"}}\n");
            let path = "/v1/ingest?collection=lines&create_collection=true";
            let answer = http.send("PUT", path, "application/x-ndjson", lines.as_bytes()).await;
            let results: Vec<Value> =
                answer.lines().iter().flat_map(|line| line["results"].as_array().unwrap().clone()).collect();
            let rejected = results.iter().find(|result| result["sequence"] == 1).unwrap();
            assert_eq!(rejected["error"]["field"], field, "{rejected}");
            assert!(results.iter().any(|result| result["status"] == "OPERATION_STATUS_INDEXED"));

            let lines = format!("{{\"text\": \"a text\", {}\n{{\"text\": \"another text\"}}\n", &payload[1..]);
            let flags = ["--collection", "cli", "--rejects", "n.jsonl.rejects.jsonl"];
            let (code, rejects) = ingest(sidecar, dir.path(), "n.jsonl", &lines, &flags).await;
            assert_eq!((code, rejects.len()), (1, 1), "{payload}");
            let found = rejects[0]["field"].as_str().unwrap();
            assert_eq!(found.trim_start_matches("payload."), field.trim_start_matches("payload."), "{rejects:?}");
        }
    })
    .await;
}
