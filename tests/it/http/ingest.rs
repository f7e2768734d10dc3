//! Streams of documents as lines: results arrive as they happen, and an invalid line has a result.

use serde_json::json;
use splade_sidecar::proto::SearchRequest;
use splade_sidecar::proto::document_id::Kind;

use super::{client, count, docs, error, post, put_lines, results, start};
use crate::support::documents::expect_stats;
use crate::support::queries::text_query;

const INTO: &str = "/v1/ingest?collection=docs&create_collection=true";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_has_its_result() {
    let sidecar = start(&[]).await;
    let answer = put_lines(&sidecar, INTO, &docs(1..=1_000)).await;
    assert_eq!((answer.status, answer.headers["content-type"].as_str()), (200, "application/x-ndjson"));
    let results = results(&answer.lines());
    assert_eq!(count(&results, "INDEXED"), 1_000);
    for (number, result) in (1..).zip(&results) {
        assert_eq!((&result["sequence"], &result["id"]), (&json!(number), &json!(number)));
        let stats = &result["stats"];
        assert!(stats["token_count"].as_u64().unwrap() > 2 && stats["truncated"] == json!(false), "{result}");
    }
    assert_eq!(sidecar.point_count("docs").await, 1_000);
    // A second upload leaves them unchanged.
    let answer = put_lines(&sidecar, "/v1/ingest?collection=docs&skip_unchanged=true", &docs(1..=10)).await;
    assert_eq!(count(&super::results(&answer.lines()), "UNCHANGED"), 10);
    sidecar.stop_drained().await;
}

/// A client may wait for the result of each line before it sends the next.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_come_as_they_happen() {
    let sidecar = start(&["--max-upsert-delay", "5ms"]).await;
    let mut client = client(&sidecar).await;
    client.sender.send_head("POST", INTO, &[("transfer-encoding", "chunked")]).await.unwrap();
    // The response starts before the first line is sent.
    assert_eq!(client.responses.read_head().await.status, 200);
    let opened: serde_json::Value = serde_json::from_slice(&client.responses.read_chunk().await.unwrap()).unwrap();
    assert_eq!((&opened["opened"]["collection"]["name"], &opened["durable_through"]), (&json!("docs"), &json!(0)));
    for number in 1..=3 {
        let line = docs([number]);
        // One line in two chunks.
        let (begin, end) = line.as_bytes().split_at(10);
        client.sender.send_chunk(begin).await.unwrap();
        client.sender.send_chunk(end).await.unwrap();
        let line = client.responses.read_chunk().await.unwrap();
        let line: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!((&line["durable_through"], &line["results"][0]["sequence"]), (&json!(number), &json!(number)));
    }
    client.sender.send_chunk(b"").await.unwrap();
    assert_eq!(client.responses.read_remaining().await, Some(Vec::new()));
    // The connection can be reused.
    client.post("/v1/list_models", &json!({})).await.expect_ok();
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_line_is_a_result() {
    let sidecar = start(&["--max-message-bytes", "20KiB", "--max-text-bytes", "1KiB"]).await;
    let long = format!("{{\"text\": \"{}\"}}", "word ".repeat(5_000));
    let zeros = format!("{{\"text\": \"a\", \"dense_vectors\": {{\"v\": {{\"values\": [{}0]}}}}}}", "0,".repeat(6_000));
    let lines = [
        r#"{"id": 1, "text": "a cat"}"#,
        r#"{"id": {"num": 2}, "txt": "a cat"}"#,
        "",
        r#"{"id": {"num": 3}, "text": "a cat""#,
        "no JSON",
        &long,
        &zeros,
        r#"{"id": {"num": 7}, "text": ""}"#,
        "\r",
        r#"{"id": {"num": 8}, "text": "the moon"}"#,
    ];
    // The last line has no newline.
    let answer = put_lines(&sidecar, INTO, &lines.join("\n")).await;
    assert_eq!(answer.status, 200);
    let results = results(&answer.lines());
    let why = |number: usize| &results[number - 1]["error"];
    assert_eq!((results.len(), count(&results, "INDEXED"), count(&results, "REJECTED")), (8, 2, 6));
    for (number, field, problem) in [
        (2, "txt", "unrecognized field name 'txt' at line 1 column 24"),
        (3, "text", "EOF while parsing"),
        (4, "", "expected"),
        (5, "", "the line has more than the maximum of 20480 bytes"),
        (6, "", "the item of the line has more than the maximum of 20480"),
    ] {
        let why = why(number);
        assert_eq!((&why["reason"], &why["code"]), (&json!("MALFORMED_DOCUMENT"), &json!(3)), "{why}");
        assert_eq!(why["field"], field, "{why}");
        assert!(why["message"].as_str().unwrap().contains(problem), "{number}: {why}");
    }
    assert_eq!((&why(7)["reason"], &results[6]["id"]), (&json!("EMPTY_TEXT"), &json!(7)));
    assert_eq!((&results[7]["id"], &results[7]["status"]), (&json!(8), &json!("OPERATION_STATUS_INDEXED")));
    assert_eq!(sidecar.point_count("docs").await, 2);
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_errors_are_returned_on_request() {
    let sidecar = start(&[]).await;
    let path = format!("{INTO}&result_filter=RESULT_FILTER_PROBLEMS");
    let answer = put_lines(&sidecar, &path, &format!("{}{{}}\n{}", docs(1..=600), docs(601..=1_200))).await;
    let lines = answer.lines();
    let results: Vec<_> = lines.iter().flat_map(|line| line["results"].as_array().unwrap()).collect();
    assert_eq!(
        (results.len(), &results[0]["sequence"], &results[0]["error"]["reason"]),
        (1, &json!(601), &json!("EMPTY_TEXT"))
    );
    assert_eq!(lines.last().unwrap()["durable_through"], 1_201);
    let answer = put_lines(&sidecar, &path, &docs(1..=300)).await;
    let lines = answer.lines();
    assert!(lines.iter().all(|line| line["results"] == json!([])), "{lines:?}");
    assert_eq!(lines.last().unwrap()["durable_through"], 300);
    sidecar.stop_drained().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn options_are_checked_before_the_response_starts() {
    let sidecar = start(&[]).await;
    for (query, field, problem) in [
        ("", "options.collection", "the collection name is empty"),
        ("?colection=docs", "colection", "unknown parameter"),
        ("?collection=docs&create_collection=yes", "create_collection", "send true or false"),
        ("?collection=docs&batch_points=20000", "options.batch_points", "send 1 to 10000"),
        ("?collection=docs&only_rejected=true", "only_rejected", "unknown parameter"),
        ("?collection=docs&result_filter=PROBLEMS", "result_filter", "RESULT_FILTER_PROBLEMS"),
        (
            "?collection=docs&encoding=%7B%22window_overlap%22:3%7D",
            "options.encoding.window_overlap",
            "applies only to windows",
        ),
        (
            "?collection=docs&encoding=%7B%22pruning%22:%7B%22min_weight%22:-1%7D%7D",
            "options.encoding.pruning.min_weight",
            "a positive number",
        ),
    ] {
        let answer = put_lines(&sidecar, &format!("/v1/ingest{query}"), &docs(1..=3)).await;
        let (status, code, _, fields, message) = error(&answer);
        assert_eq!((status, code), (400, 3), "{query}: {message}");
        assert_eq!(fields, [field], "{query}");
        assert!(message.contains(problem), "{query}: {message}");
    }
    // The response has only the opening line.
    let empty = put_lines(&sidecar, INTO, "").await;
    assert_eq!((empty.status, empty.lines().len(), results(&empty.lines()).len()), (200, 1, 0));
    sidecar.stop_drained().await;
}

/// Curl sends `Expect: 100-continue` before a large file.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expect_100_continue_is_answered_if_authorized() {
    let sidecar = start(&[]).await;
    let headers = [("expect", "100-continue"), ("transfer-encoding", "chunked")];
    let mut let_in = client(&sidecar).await;
    let_in.sender.send_head("PUT", INTO, &headers).await.unwrap();
    assert_eq!(let_in.responses.read_head().await.status, 100);
    let_in.sender.send_chunk(docs(1..=5).as_bytes()).await.unwrap();
    let_in.sender.send_chunk(b"").await.unwrap();
    assert_eq!(results(&let_in.responses.read_response().await.lines()).len(), 5);
    let mut refused = client(&sidecar).await;
    refused.sender.send_head("PUT", "/v1/ingest?collection=nowhere", &headers).await.unwrap();
    assert_eq!(refused.responses.read_response().await.status, 404);
    sidecar.stop_drained().await;
}

/// Both APIs use one pipeline: documents stored over HTTP are found over gRPC.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn results_are_those_of_grpc() {
    let sidecar = start(&[]).await;
    let texts = crate::support::documents::sample_texts(40);
    let lines: String = (1..)
        .zip(&texts)
        .map(|(number, text): (u64, _)| format!("{}\n", json!({ "id": number, "text": text })))
        .collect();
    let by_http = results(&put_lines(&sidecar, INTO, &lines).await.lines());
    let documents = crate::support::documents::number_documents(&texts);
    let by_grpc = sidecar.ingest(crate::support::documents::options("others"), documents).await;
    for (http, grpc) in by_http.iter().zip(by_grpc) {
        assert_eq!(http["sequence"], grpc.sequence);
        let (http, grpc) = (&http["stats"], expect_stats(&grpc));
        assert_eq!((&http["token_count"], &http["term_count"]), (&json!(grpc.token_count), &json!(grpc.term_count)));
        assert_eq!((&http["window_count"], &http["pruned_term_count"]), (&json!(grpc.window_count), &json!(0)));
    }
    let request = json!({ "collection": "docs", "query": { "text": texts[7] }, "limit": 40 });
    let found = post(&sidecar, "/v1/search", request).await.expect_ok();
    let query = Some(text_query(&texts[7]));
    let request = SearchRequest { collection: "docs".to_owned(), query, limit: 40, ..Default::default() };
    let expected = sidecar.index_client().await.search(request).await.unwrap().into_inner().hits;
    let hit = |number: u64, score: f32| (number, score.to_bits());
    let expected = expected.into_iter().map(|found| match found.document.unwrap().id.unwrap().kind.unwrap() {
        Kind::Num(number) => hit(number, found.score),
        other => panic!("{other:?}"),
    });
    let found = found["hits"].as_array().unwrap().iter();
    let found =
        found.map(|found| hit(found["document"]["id"].as_u64().unwrap(), found["score"].as_f64().unwrap() as f32));
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    sidecar.stop_drained().await;
}
