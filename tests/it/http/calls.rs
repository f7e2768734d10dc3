//! Successful calls: the responses of gRPC as JSON.

use std::io::ErrorKind;

use serde_json::{Value, json};
use splade_sidecar::proto::{EncodeRequest, Role};

use super::{client, docs, post, put_lines, results, start};
use crate::support::documents::sample_texts;
use crate::support::sidecar::{MODEL, Sidecar};
use crate::support::skips::skip;

async fn upsert(sidecar: &Sidecar) -> Value {
    let documents = json!([
        { "id": 18_446_744_073_709_551_615_u64, "text": "the moon is far", "payload": { "year": 1969, "tags": ["a", null] } },
        { "id": "cat", "text": "a cat sat on the mat" },
        { "id": { "uuid": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6" }, "text": " " },
    ]);
    let options = json!({ "collection": "docs", "create_collection": true });
    post(sidecar, "/v1/upsert", json!({ "options": options, "documents": documents })).await.expect_ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn vectors_are_those_of_grpc() {
    let sidecar = start(&[]).await;
    let texts = sample_texts(5);
    let request = json!({ "texts": texts, "role": "ROLE_QUERY", "with_tokens": true });
    let json = post(&sidecar, "/v1/encode", request).await.expect_ok();
    assert_eq!(json["model"], MODEL);
    let request = EncodeRequest { role: Role::Query.into(), with_tokens: true, ..Default::default() };
    let expected = sidecar.encode(request, &texts).await;
    let got = json["results"].as_array().unwrap();
    assert_eq!(got.len(), expected.len());
    for (got, expected) in got.iter().zip(expected) {
        let vector = expected.vector.unwrap();
        assert_eq!(got["vector"]["indices"], json!(vector.indices));
        // Bit-identical: JSON has enough digits for a lossless round trip of each float.
        let values = got["vector"]["values"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap() as f32);
        assert_eq!(values.collect::<Vec<_>>(), vector.values);
        assert_eq!(got["tokens"], json!(expected.tokens));
        let (stats, expected) = (&got["stats"], expected.stats.unwrap());
        assert_eq!((&stats["token_count"], &stats["truncated"]), (&json!(expected.token_count), &json!(false)));
    }
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_stored_and_found() {
    let sidecar = start(&[]).await;
    let upserted = upsert(&sidecar).await;
    let results = upserted["results"].as_array().unwrap();
    let statuses: Vec<_> = results.iter().map(|result| result["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["OPERATION_STATUS_INDEXED", "OPERATION_STATUS_INDEXED", "OPERATION_STATUS_REJECTED"]);
    // A string, because JavaScript would round the number.
    assert_eq!(results[0]["id"], json!({ "num": "18446744073709551615" }));
    assert_eq!((&results[1]["id"], &results[2]["id"]), (&json!("cat"), &json!("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")));
    assert_eq!(results[2]["error"]["reason"], "EMPTY_TEXT");

    // Both spellings of a field (snake_case and camelCase), on one connection.
    let mut client = client(&sidecar).await;
    for request in [
        json!({ "collection": "docs", "query": { "text": "moon" }, "score_threshold": 0.0,
                "return_options": { "with_sparse_vectors": true } }),
        json!({ "collection": "docs", "query": { "text": "moon" }, "scoreThreshold": 0.0,
                "returnOptions": { "withSparseVectors": true } }),
    ] {
        let found = client.post("/v1/search", &request).await.expect_ok();
        let hits = found["hits"].as_array().unwrap();
        let moon = hits.iter().find(|hit| hit["document"]["id"].get("num").is_some()).unwrap();
        let document = &moon["document"];
        assert_eq!(document["payload"], json!({ "text": "the moon is far", "year": 1969, "tags": ["a", null] }));
        let indices = document["sparse_vectors"]["splade"]["indices"].as_array().unwrap();
        assert!(moon["score"].as_f64().is_some() && !indices.is_empty());
    }
    let nothing = json!({ "collection": "docs", "query": { "text": "moon" }, "limit": 1,
                          "filter": { "must": [{ "path": "year", "range": { "gt": 1969 } }] } });
    // Empty lists are present in the JSON.
    assert_eq!(client.post("/v1/search", &nothing).await.expect_ok()["hits"], json!([]));
    let ids = json!({ "collection": "docs", "ids": ["cat", 7] });
    let got = client.post("/v1/get_documents", &ids).await.expect_ok();
    assert_eq!((&got["documents"][0]["id"], &got["missing"]), (&json!("cat"), &json!([7])));
    let collection = client.post("/v1/get_collection", &json!({ "collection": "docs" })).await.expect_ok();
    let collection = &collection["collection"];
    assert_eq!((&collection["name"], &collection["point_count"]), (&json!("docs"), &json!(2)));
    sidecar.stop_drained().await;
}

/// Sends the examples of the OpenAPI document, in an order in which each can succeed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_example_of_the_document_works() {
    let sidecar = start(&[]).await;
    let mut client = client(&sidecar).await;
    client.sender.send_head("GET", "/openapi.json", &[]).await.unwrap();
    let document = client.responses.read_response().await.expect_ok();
    assert_eq!(document["openapi"], "3.1.0");
    let example = |path: &str, kind: &str| {
        let content = &document["paths"][path]["post"]["requestBody"]["content"][kind];
        content.get("example").unwrap_or_else(|| panic!("{path} has none")).clone()
    };
    let order = "create_collection upsert encode search explain get_documents get_collection list_collections \
                 list_documents set_alias list_aliases delete_alias delete get_model list_models";
    for name in order.split_whitespace() {
        let path = format!("/v1/{name}");
        client.post(&path, &example(&path, "application/json")).await.expect_ok();
    }
    for path in ["/v1/ingest?collection=docs", "/v1/encode_stream"] {
        let lines = example(path.split('?').next().unwrap(), "application/x-ndjson");
        let answer = client.send("POST", path, "application/x-ndjson", lines.as_str().unwrap().as_bytes()).await;
        let results: Vec<_> =
            answer.lines().iter().flat_map(|line| line["results"].as_array().unwrap().clone()).collect();
        assert_eq!((answer.status, results.len()), (200, 2), "{results:?}");
        assert!(results.iter().all(|result| result.get("error").is_none_or(Value::is_null)), "{results:?}");
    }
    assert_eq!(document["paths"].as_object().unwrap().len(), order.split_whitespace().count() + 2);
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_texts_is_encoded() {
    let sidecar = start(&[]).await;
    let lines = "\"the moon is far\"\n42\n\"a cat\"\n\"\"\n";
    let answer = put_lines(&sidecar, "/v1/encode_stream?with_tokens=true&role=ROLE_DOCUMENT", lines).await;
    let mut results: Vec<_> =
        answer.lines().iter().flat_map(|line| line["results"].as_array().unwrap().clone()).collect();
    results.sort_by_key(|result| result["sequence"].as_u64());
    let expected = sidecar.encode(EncodeRequest::default(), &["the moon is far".to_owned()]).await;
    assert_eq!(results[0]["encoded"]["vector"]["indices"], json!(expected[0].vector.as_ref().unwrap().indices));
    let why = &results[1]["error"];
    assert_eq!(why["reason"], "INVALID_ARGUMENT");
    assert!(why["message"].as_str().unwrap().contains("invalid type: integer `42`, expected a string"), "{why}");
    assert!(results[2].get("encoded").is_some_and(Value::is_object));
    assert_eq!(results[3]["error"]["reason"], "EMPTY_TEXT");
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http_2_is_supported() {
    let sidecar = start(&[]).await;
    let answer = put_lines(&sidecar, "/v1/ingest?collection=docs&create_collection=true", &docs(1..=3)).await;
    assert_eq!(results(&answer.lines()).len(), 3);
    let url = format!("http://{}/v1/get_collection", sidecar.http.unwrap());
    let curl = tokio::process::Command::new("curl")
        .args(["--silent", "--fail", "--http2-prior-knowledge", "-H", "content-type: application/json"])
        .args(["-d", r#"{"collection": "docs"}"#, &url])
        .output()
        .await;
    match curl {
        Ok(output) => {
            let json: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(json["collection"]["point_count"], 3);
        }
        Err(error) if error.kind() == ErrorKind::NotFound => skip("curl"),
        Err(error) => panic!("curl did not start: {error}"),
    }
    sidecar.stop_drained().await;
}
