//! Inputs that parsers commonly disagree on: duplicate keys, blank texts, invalid numbers, vectors of extreme lengths,
//! empty keys, and payload fields with reserved names.

use serde_json::{Value, json};
use splade_sidecar::model::{Backend, Model};
use splade_sidecar::proto::explain_request::Document as Explained;
use splade_sidecar::proto::{
    CollectionOptions, DenseVector, DenseVectorOptions, Document, EncodeRequest, ExplainRequest, IngestOptions,
    ListDocumentsRequest, OperationResult, ReturnOptions, SearchRequest,
};
use splade_sidecar::types::Role;
use tempfile::TempDir;
use tonic::{Code, Status};

use super::{fetch_payload, ingest, on_both_stores};
use crate::support::documents::{document, num, options};
use crate::support::failure::Failure;
use crate::support::http1::Http1Client;
use crate::support::models::find_splade_tiny;
use crate::support::queries::text_query;
use crate::support::sidecar::Sidecar;

/// Returns the reason and the field of a rejection.
fn rejection_reason(result: &OperationResult) -> (String, String) {
    result.error.as_ref().map(|why| (why.reason.clone(), why.field.clone())).unwrap_or_default()
}

/// Text and payload of a document, as JSON, that every interface rejects, with the reason and the field.
const REFUSED: &[(&str, &str, &str, &str)] = &[
    ("a text", r#"{"a": 1, "a": 2}"#, "INVALID_ARGUMENT", "payload.a"),
    ("a text", r#"{"a": [{"b": 1, "c": 1, "b": 1}]}"#, "INVALID_ARGUMENT", "payload.a[0].b"),
    ("a text", r#"{"": 1, "\u0000": 1, "": 1}"#, "INVALID_ARGUMENT", "payload"),
    ("a text", r#"{"_splade_digest": "x"}"#, "INVALID_ARGUMENT", "payload._splade_digest"),
    ("a text", r#"{"_spladelike": 1}"#, "INVALID_ARGUMENT", "payload._spladelike"),
    ("a text", r#"{"a": 1e999}"#, "INVALID_ARGUMENT", "payload.a"),
    ("", "{}", "EMPTY_TEXT", "text"),
    (" \\n\\t", "{}", "EMPTY_TEXT", "text"),
    ("\\u200b\\u200d", "{}", "EMPTY_TEXT", "text"),
    ("\\ufeff", "{}", "EMPTY_TEXT", "text"),
    ("\\u00ad\\u2060 \\u0000", "{}", "EMPTY_TEXT", "text"),
    ("\\u3164", "{}", "EMPTY_TEXT", "text"),
    ("\\u2800", "{}", "EMPTY_TEXT", "text"),
    // Not blank, but the model's normalizer removes all of it.
    ("\\ufffd", "{}", "EMPTY_TEXT", "text"),
    ("\\ue000 \\u0301\\u0600", "{}", "EMPTY_TEXT", "text"),
    ("[CLS] [SEP]", "{}", "EMPTY_TEXT", "text"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn invalid_documents_are_rejected_by_every_interface() {
    on_both_stores(async |sidecar: &Sidecar| {
        let dir = TempDir::new().unwrap();
        let mut http = Http1Client::connect(sidecar.http.unwrap()).await;
        for (text, payload, reason, field) in REFUSED {
            let spoken: String = serde_json::from_str(&format!("\"{text}\"")).unwrap();
            let bad = Document { payload_json: (*payload).to_owned(), ..document(num(1), &spoken) };
            let results = sidecar.ingest(options("grpc"), vec![bad, document(num(2), "another text")]).await;
            assert_eq!(rejection_reason(&results[0]), ((*reason).to_owned(), (*field).to_owned()), "{text} {payload}");
            assert_eq!(rejection_reason(&results[1]), Default::default());

            let line = format!("{{\"text\": \"{text}\", \"payload\": {payload}}}\n");
            let path = "/v1/ingest?collection=lines&create_collection=true";
            let answer = http.send("PUT", path, "application/x-ndjson", line.as_bytes()).await;
            let error = &crate::http::results(&answer.lines())[0]["error"];
            assert_eq!((&error["reason"], &error["field"]), (&json!(reason), &json!(field)), "{line}");

            let fields = payload.trim_start_matches('{');
            let comma = if fields == "}" { "" } else { ", " };
            let line = format!("{{\"text\": \"{text}\"{comma}{fields}\n");
            let flags = ["--collection", "cli", "--rejects", "n.jsonl.rejects.jsonl"];
            let (code, rejects) = ingest(sidecar, dir.path(), "n.jsonl", &line, &flags).await;
            assert_eq!((code, rejects.len()), (1, 1), "{line}");
            let found = rejects[0]["field"].as_str().unwrap();
            assert_eq!(
                found.trim_start_matches("payload."),
                field.trim_start_matches("payload").trim_start_matches('.'),
                "{line}"
            );
        }
    })
    .await;
}

/// A payload that is not an object is rejected with its path, also in a request of several documents.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_that_is_not_an_object_is_rejected() {
    on_both_stores(async |sidecar: &Sidecar| {
        let mut http = Http1Client::connect(sidecar.http.unwrap()).await;
        for payload in ["[1]", "\"{}\"", "7", "true"] {
            let bad = Document { payload_json: payload.to_owned(), ..document(num(1), "a text") };
            let results = sidecar.ingest(options("docs"), vec![bad]).await;
            assert_eq!(rejection_reason(&results[0]), ("INVALID_ARGUMENT".to_owned(), "payload".to_owned()));
            let request = format!(
                r#"{{"options": {{"collection": "docs", "create_collection": true}},
                "documents": [{{"text": "another"}}, {{"text": "a text", "payload": {payload}}}]}}"#
            );
            let answer = http.send("POST", "/v1/upsert", "application/json", request.as_bytes()).await.expect_ok();
            assert_eq!(answer["results"][0]["status"], "OPERATION_STATUS_INDEXED");
            assert_eq!(answer["results"][1]["error"]["field"], "payload", "{answer}");
        }
    })
    .await;
}

/// The rule also applies to the texts of queries and of `Encode`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blank_texts_are_rejected_by_every_call() {
    let sidecar = Sidecar::start(&[]).await;
    for text in ["", " ", "\u{feff}\u{200b}", "\u{3164}", "\u{2800}"] {
        let request = EncodeRequest { texts: vec!["a".to_owned(), text.to_owned()], ..EncodeRequest::default() };
        let status = sidecar.encoder_client().await.encode(request).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        assert!(status.message().contains("blank"), "{}", status.message());
    }
    sidecar.stop_drained().await;
}

/// The vector of such a text would consist of the special tokens only, and match every document equally.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn texts_that_the_normalizer_removes_are_rejected_by_every_call() {
    let sidecar = Sidecar::start(&[]).await;
    sidecar.ingest(options("docs"), vec![document(num(1), "the moon")]).await;
    let refused = |status: Status, field: &str| {
        let Failure { code, reason, fields, message, .. } = status.into();
        assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "EMPTY_TEXT"), "{message}");
        assert_eq!(fields, [field]);
        assert!(message.contains("is empty after") && message.contains("; "), "{message}");
    };
    for text in ["\u{fffd}", "\u{e000}\u{301}", "[SEP]"] {
        let request = EncodeRequest { texts: vec!["🦀".to_owned(), text.to_owned()], ..EncodeRequest::default() };
        refused(sidecar.encoder_client().await.encode(request).await.unwrap_err(), "texts[1]");
        let (collection, query) = ("docs".to_owned(), Some(text_query(text)));
        let search = SearchRequest { collection, query, limit: 1, ..SearchRequest::default() };
        refused(sidecar.index_client().await.search(search).await.unwrap_err(), "query.text");
        let explain = |query: &str, text: &str| ExplainRequest {
            collection: "docs".to_owned(),
            query: Some(text_query(query)),
            document: Some(Explained::DocumentText(text.to_owned())),
            ..ExplainRequest::default()
        };
        refused(sidecar.index_client().await.explain(explain(text, "moon")).await.unwrap_err(), "query.text");
        refused(sidecar.index_client().await.explain(explain("moon", text)).await.unwrap_err(), "document_text");
    }
    sidecar.stop_drained().await;
}

/// A trained model removes them too.
#[test]
fn splade_tiny_removes_such_texts() {
    let Some(dir) = find_splade_tiny() else { return };
    let model = Model::load("splade-tiny", &dir, &Backend::default()).unwrap();
    for role in [Role::Document, Role::Query] {
        let tokenizer = &model.role_encoder(role).tokenizer;
        let has_content = |text: &str| tokenizer.has_content(&tokenizer.tokenize(text).unwrap().ids);
        for text in ["\u{fffd}", "\u{e000}\u{301}", "\u{600} \u{300}", "[CLS] [SEP]", "\u{f0000}"] {
            assert!(!has_content(text), "{text:?}");
        }
        for text in ["a", "🦀", "नमस्ते दुनिया", "é", "\u{fffd}.", "[SEP]moon"] {
            assert!(has_content(text), "{text:?}");
        }
    }
}

/// An empty key is valid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn empty_keys_are_kept() {
    on_both_stores(async |sidecar: &Sidecar| {
        let dir = TempDir::new().unwrap();
        let mut http = Http1Client::connect(sidecar.http.unwrap()).await;
        let expected = json!({"": 1, "a": {"": {"": []}}});
        let bad = Document { payload_json: expected.to_string(), ..document(num(1), "a text") };
        assert_eq!(rejection_reason(&sidecar.ingest(options("grpc"), vec![bad]).await[0]), Default::default());
        let request = json!({
            "options": { "collection": "http", "create_collection": true },
            "documents": [{ "text": "a text", "payload": expected }],
        });
        http.post("/v1/upsert", &request).await.expect_ok();
        let line = r#"{"text": "a text", "": 1, "a": {"": {"": []}}}"#;
        assert_eq!(ingest(sidecar, dir.path(), "n.jsonl", line, &["--collection", "cli"]).await.0, 0);
        let table = "text,,a\na text,1,\"{\"\"\"\": {\"\"\"\": []}}\"\n";
        let flags = ["--collection", "csv", "--csv-types", "=number,a=json"];
        assert_eq!(ingest(sidecar, dir.path(), "n.csv", table, &flags).await.0, 0);
        for collection in ["grpc", "http", "cli", "csv"] {
            assert_eq!(fetch_payload(sidecar, collection, "a text").await, expected, "{collection}");
        }
    })
    .await;
}

/// The payload field that stores the text must not hold another value.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payload_text_field_that_differs_from_the_text_is_rejected() {
    on_both_stores(async |sidecar: &Sidecar| {
        let dir = TempDir::new().unwrap();
        let with = |payload: Value| Document { payload_json: payload.to_string(), ..document(num(1), "a text") };
        let results = sidecar.ingest(options("grpc"), vec![with(json!({"text": "another"}))]).await;
        assert_eq!(rejection_reason(&results[0]), ("INVALID_ARGUMENT".to_owned(), "payload.text".to_owned()));
        let results = sidecar.ingest(options("grpc"), vec![with(json!({"text": "a text"}))]).await;
        assert_eq!(rejection_reason(&results[0]), Default::default());
        let elsewhere = IngestOptions { text_field: Some("body".to_owned()), ..options("grpc") };
        let results = sidecar.ingest(elsewhere, vec![with(json!({"text": "another"}))]).await;
        assert_eq!(rejection_reason(&results[0]), Default::default());

        let line = r#"{"body": "a text", "text": "a title"}"#;
        let flags = ["--collection", "cli", "--text-field", "body"];
        let (code, rejects) = ingest(sidecar, dir.path(), "n.jsonl", line, &flags).await;
        assert_eq!((code, &rejects[0]["field"]), (1, &json!("payload.text")));
        let keep = [&flags[..], &["--stored-text-field", "body"]].concat();
        assert_eq!(ingest(sidecar, dir.path(), "n.jsonl", line, &keep).await.0, 0);
    })
    .await;
}

/// A vector with cosine distance is stored normalized, also if its length is extreme; a non-finite vector is rejected.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dense_vectors_of_any_length_are_normalized() {
    on_both_stores(async |sidecar: &Sidecar| {
        let dense_vectors = [("d".to_owned(), DenseVectorOptions { size: 2, ..DenseVectorOptions::default() })].into();
        let collection_options = Some(CollectionOptions { dense_vectors, ..CollectionOptions::default() });
        let options = IngestOptions { collection_options, ..options("docs") };
        let lengths = [1.0, 1e-3, 1e-12, 1e-30, 1e-40, 1e5, 1e18, 1e20, 1e37];
        let vector = |values: [f32; 2]| [("d".to_owned(), DenseVector { values: values.to_vec() })].into();
        let mut documents: Vec<Document> = (1..)
            .zip(lengths)
            .map(|(id, length)| Document {
                dense_vectors: vector([3.0 * length, 4.0 * length]),
                ..document(num(id), "a text")
            })
            .collect();
        documents.push(Document { dense_vectors: vector([0.0, 0.0]), ..document(num(100), "a text") });
        for (id, bad) in [(101, f32::NAN), (102, f32::INFINITY)] {
            documents.push(Document { dense_vectors: vector([1.0, bad]), ..document(num(id), "a text") });
        }
        let results = sidecar.ingest(options, documents).await;
        let (bad, good) = (&results[lengths.len() + 1..], &results[..=lengths.len()]);
        assert!(good.iter().all(|result| result.error.is_none()), "{good:?}");
        for result in bad {
            assert_eq!(rejection_reason(result), ("INVALID_VECTOR".to_owned(), "dense_vectors.d".to_owned()));
        }
        let request = ListDocumentsRequest {
            collection: "docs".to_owned(),
            return_options: Some(ReturnOptions { with_dense_vectors: true, ..ReturnOptions::default() }),
            ..ListDocumentsRequest::default()
        };
        for document in sidecar.index_client().await.list_documents(request).await.unwrap().into_inner().documents {
            let values = &document.dense_vectors["d"].values;
            let expected = if document.id == Some(num(100)) { [0.0, 0.0] } else { [0.6, 0.8] };
            let close =
                values.iter().zip(expected).all(|(value, expected): (&f32, f32)| (value - expected).abs() < 1e-3);
            assert!(close, "{:?}: {values:?}", document.id);
        }
    })
    .await;
}
