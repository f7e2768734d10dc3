//! Errors have the HTTP status, the code, the field and the position in the body.

use serde_json::json;
use splade_sidecar::app::Server;
use tempfile::TempDir;

use super::{client, error, post, put_lines, start};
use crate::support::http1::Http1Client;
use crate::support::qdrant_server::{Call, QdrantServer};
use crate::support::sidecar::parse_config;

const JSON: &str = "application/json";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn malformed_requests_name_the_field_and_the_place() {
    let sidecar = start(&[]).await;
    let mut client = client(&sidecar).await;
    for (path, body, field, problem) in [
        (
            "/v1/search",
            "{\"collection\": \"docs\",\n\"txet\": 1}",
            "txet",
            "unrecognized field name 'txet' at line 2 column 6",
        ),
        ("/v1/search", "{\"collection\": \"docs\", \"limit\": \"ten\"}", "limit", "line 1"),
        ("/v1/search", "{", "", "EOF while parsing"),
        ("/v1/search", "", "", "EOF while parsing"),
        ("/v1/search", "{\"query\": {\"text\": \"\u{1}\"}}", "query.text", "control character"),
        ("/v1/encode", "{\"texts\": [\"a\", 1]}", "texts[1]", "invalid type: integer `1`"),
        (
            "/v1/encode",
            "{\"encoding\": {\"long_text\": \"WINDOW\"}}",
            "encoding.long_text",
            "unrecognized enum value 'WINDOW'",
        ),
        ("/v1/upsert", "{\"documents\": [{\"txt\": \"a\"}]}", "documents[0].txt", "unrecognized field name 'txt'"),
        // Errors of the services behind the gateway.
        ("/v1/search", "{\"query\": {\"text\": \"a\"}}", "collection", "the collection name is empty"),
        (
            "/v1/search",
            "{\"collection\": \"docs\", \"query\": {\"text\": \"a\"}, \"limit\": 2000}",
            "limit",
            "send 1 to 1000",
        ),
        ("/v1/encode", "{\"texts\": [\" \"]}", "texts[0]", "the text is blank"),
    ] {
        let answer = client.send("POST", path, JSON, body.as_bytes()).await;
        let (status, code, reason, fields, message) = error(&answer);
        assert_eq!((status, code), (400, 3), "{body}: {message}");
        let fields = fields.first().map_or("", String::as_str);
        assert_eq!(fields, field, "{body}: {message}");
        assert!(["INVALID_ARGUMENT", "EMPTY_TEXT"].contains(&reason.as_str()), "{body}: {reason}");
        assert!(message.contains(problem), "{body}: {message}");
    }
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_resources_are_not_found() {
    let sidecar = start(&[]).await;
    let answer = post(&sidecar, "/v1/search", json!({ "collection": "nowhere", "query": { "text": "a" } })).await;
    let (status, code, reason, ..) = error(&answer);
    assert_eq!((status, code, reason.as_str()), (404, 5, "COLLECTION_NOT_FOUND"));
    let answer = put_lines(&sidecar, "/v1/ingest?collection=nowhere", "{\"text\": \"a\"}\n").await;
    assert_eq!((error(&answer).0, error(&answer).2.as_str()), (404, "COLLECTION_NOT_FOUND"));
    let answer = post(&sidecar, "/v1/serach", json!({})).await;
    assert!(error(&answer).0 == 404 && error(&answer).4.contains("/openapi.json"));
    let mut client = client(&sidecar).await;
    client.sender.send_head("GET", "/v1/search", &[]).await.unwrap();
    let answer = client.responses.read_response().await;
    assert_eq!((error(&answer).0, answer.headers["allow"].as_str()), (405, "POST"));
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_media_types_are_refused() {
    let sidecar = start(&[]).await;
    let form = "application/x-www-form-urlencoded";
    for (path, headers, remedy) in [
        ("/v1/search", vec![("content-type", form)], "send `content-type: application/json`"),
        ("/v1/search", vec![], "content-type is missing"),
        ("/v1/search", vec![("content-type", "application/grpc")], "send `content-type: application/json`"),
        (
            "/v1/search",
            vec![("content-type", JSON), ("content-encoding", "gzip")],
            "compressed bodies are not supported",
        ),
        ("/v1/ingest?collection=a", vec![("content-type", form)], "send `content-type: application/x-ndjson`"),
        ("/v1/ingest?collection=a", vec![("content-type", JSON)], "send `content-type: application/x-ndjson`"),
        // Requests that a page of another origin can send without a preflight request.
        ("/v1/ingest?collection=a", vec![("origin", "https://evil.example")], "content-type is missing"),
        ("/v1/ingest?collection=a", vec![("content-type", "text/plain")], "content-type is `text/plain`"),
    ] {
        let mut client = client(&sidecar).await;
        client
            .sender
            .send_head("POST", path, &[headers.clone(), vec![("content-length", "2")]].concat())
            .await
            .unwrap();
        client.sender.send_raw(b"{}").await.unwrap();
        let (status, code, _, _, message) = error(&client.responses.read_response().await);
        assert_eq!((status, code), (415, 3), "{headers:?}");
        assert!(message.contains(remedy), "{headers:?}: {message}");
    }
    let mut client = client(&sidecar).await;
    client.send("POST", "/v1/list_models", "Application/JSON; charset=utf-8", b"{}").await.expect_ok();
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn request_bodies_are_limited() {
    let sidecar = start(&["--max-message-bytes", "10KiB"]).await;
    let long = json!({ "texts": ["word ".repeat(3_000)] }).to_string();
    let mut by_length = client(&sidecar).await;
    let answer = by_length.send("POST", "/v1/encode", JSON, long.as_bytes()).await;
    let (status, code, .., message) = error(&answer);
    assert_eq!((status, code), (413, 11));
    assert!(message.contains("more than 10240 bytes") && message.contains("--max-message-bytes"), "{message}");
    let mut by_chunks = client(&sidecar).await;
    by_chunks
        .sender
        .send_head("POST", "/v1/encode", &[("content-type", JSON), ("transfer-encoding", "chunked")])
        .await
        .unwrap();
    for piece in long.as_bytes().chunks(1_000) {
        by_chunks.sender.send_chunk(piece).await.unwrap();
    }
    by_chunks.sender.send_chunk(b"").await.unwrap();
    assert_eq!(error(&by_chunks.responses.read_response().await).0, 413);
    // Short as JSON, but over the limit as a protobuf message.
    let zeros = "0,".repeat(3_000) + "0";
    let body = format!(
        "{{\"collection\": \"docs\", \"query\": {{\"sparse_vector\": {{\"indices\": [1], \"values\": [{zeros}]}}}}}}"
    );
    let answer = client(&sidecar).await.send("POST", "/v1/search", JSON, body.as_bytes()).await;
    assert_eq!(error(&answer).0, 413);
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn retryable_errors_have_a_retry_delay() {
    let directory = TempDir::new().unwrap();
    // The server listens but has not started to load its model.
    let server =
        Server::bind(parse_config(&directory.path().join("store"), &["--http-listen", "127.0.0.1:0"])).await.unwrap();
    let mut client = Http1Client::connect(server.http_address().unwrap()).await;
    for path in ["/v1/list_models", "/v1/list_aliases"] {
        let answer = client.post(path, &json!({})).await;
        let (status, code, reason, ..) = error(&answer);
        assert_eq!((status, code, reason.as_str()), (503, 14, "STARTING"));
        assert_eq!(answer.headers["retry-after"], "1");
    }
    let answer = client.send("PUT", "/v1/ingest?collection=docs", "application/x-ndjson", b"{}\n").await;
    assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (503, "1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deadlines_are_kept() {
    let store = QdrantServer::start();
    let sidecar = start(&["--qdrant-url", &store.url(), "--qdrant-timeout", "1s"]).await;
    let upsert = json!({
        "options": { "collection": "docs", "create_collection": true },
        "documents": [{ "text": "a cat" }]
    });
    post(&sidecar, "/v1/upsert", upsert.clone()).await.expect_ok();
    store.faults().hang(&[Call::Upsert, Call::Query]);
    let body = upsert.to_string();
    let length = body.len().to_string();
    let timed = |kind| [("content-type", kind), ("grpc-timeout", "300m")];
    let mut unary = client(&sidecar).await;
    let headers = [&timed(JSON)[..], &[("content-length", length.as_str())]].concat();
    unary.sender.send_head("POST", "/v1/upsert", &headers).await.unwrap();
    unary.sender.send_raw(body.as_bytes()).await.unwrap();
    let (status, code, ..) = error(&unary.responses.read_response().await);
    assert_eq!((status, code), (504, 4));
    let mut stream = client(&sidecar).await;
    let headers = [&timed("application/x-ndjson")[..], &[("transfer-encoding", "chunked")]].concat();
    stream.sender.send_head("POST", "/v1/ingest?collection=docs", &headers).await.unwrap();
    stream.sender.send_chunk(b"{\"text\": \"a cat\"}\n").await.unwrap();
    // The stream was open, so the error is in its last line.
    let answer = stream.responses.read_response().await;
    assert_eq!((answer.status, answer.lines().pop().unwrap()["error"]["code"].as_u64()), (200, Some(4)));
    store.faults().clear();
    sidecar.stop_drained().await;
}
