//! Documents and streams of them, as a client makes them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bytes::Bytes;
use prost::Message;
use prost_types::value::Kind as ValueKind;
use prost_types::{ListValue, Struct};
use serde_json::Value;
use splade_sidecar::proto::document_id::Kind;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use splade_sidecar::proto::{Document, DocumentId, DocumentResult, IngestOptions, IngestRequest};
use tonic::transport::Channel;

pub fn num(num: u64) -> DocumentId {
    DocumentId { kind: Some(Kind::Num(num)) }
}

pub fn uuid(uuid: &str) -> DocumentId {
    DocumentId { kind: Some(Kind::Uuid(uuid.to_owned())) }
}

pub fn key(key: &str) -> DocumentId {
    DocumentId { kind: Some(Kind::Key(key.to_owned())) }
}

pub fn document(id: DocumentId, text: &str) -> Document {
    Document { id: Some(id), text: text.to_owned(), ..Default::default() }
}

/// Documents 1, 2, … of these texts.
pub fn numbered(texts: &[String]) -> Vec<Document> {
    (1..).zip(texts).map(|(number, text)| document(num(number), text)).collect()
}

/// So many different texts of a few sentences in plain English, with different vectors.
pub fn texts(count: usize) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/texts.json");
    let mut sentences: Vec<String> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    sentences.retain(|text| text.is_ascii() && text.len() > 100);
    let pair = |number: usize| {
        let (first, second) = (number % sentences.len(), number / sentences.len());
        format!("{} {}", sentences[first], sentences[second])
    };
    (0..count).map(pair).collect()
}

/// A payload of JSON's form.
pub fn payload(value: Value) -> Struct {
    let Value::Object(fields) = value else { panic!("{value} is no object") };
    Struct { fields: fields.into_iter().map(|(name, value)| (name, payload_value(value))).collect() }
}

fn payload_value(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => ValueKind::NullValue(0),
        Value::Bool(flag) => ValueKind::BoolValue(flag),
        Value::Number(number) => ValueKind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => ValueKind::StringValue(text),
        Value::Array(values) => {
            ValueKind::ListValue(ListValue { values: values.into_iter().map(payload_value).collect() })
        }
        Value::Object(_) => ValueKind::StructValue(payload(value)),
    };
    prost_types::Value { kind: Some(kind) }
}

/// Options that create the collection.
pub fn options(collection: &str) -> IngestOptions {
    IngestOptions { collection: collection.to_owned(), create_collection: true, ..Default::default() }
}

/// Documents as they go over the wire.
pub fn encoded(documents: impl IntoIterator<Item = Document>) -> Vec<Bytes> {
    documents.into_iter().map(|document| document.encode_to_vec().into()).collect()
}

/// A stream's messages: the options with the first documents, then so many a message.
pub fn messages(options: IngestOptions, documents: Vec<Bytes>, a_message: usize) -> Vec<IngestRequest> {
    let message = |documents: &[Bytes]| IngestRequest { options: None, documents: documents.to_vec() };
    let mut messages: Vec<_> = documents.chunks(a_message).map(message).collect();
    match messages.first_mut() {
        Some(first) => first.options = Some(options),
        None => messages.push(IngestRequest { options: Some(options), documents }),
    }
    messages
}

/// Sends a stream to its end and gives the results in the order of the documents.
///
/// Asserts what holds for every stream: each document has one result, `durable_through` never falls, never runs ahead
/// of the results and ends at the last document, and the stream ends OK.
pub async fn stream(client: &mut IndexServiceClient<Channel>, messages: Vec<IngestRequest>) -> Vec<DocumentResult> {
    let count: usize = messages.iter().map(|message| message.documents.len()).sum();
    let mut responses = client.ingest(tokio_stream::iter(messages)).await.unwrap().into_inner();
    let mut results = BTreeMap::new();
    let mut durable = 0;
    while let Some(response) = responses.message().await.unwrap() {
        for result in response.results {
            let sequence = result.sequence;
            assert_eq!(results.insert(sequence, result), None, "document {sequence} has two results");
        }
        assert!(response.durable_through >= durable, "it fell from {durable} to {}", response.durable_through);
        durable = response.durable_through;
        assert_eq!(results.range(..=durable).count() as u64, durable, "not all up to {durable} have results");
    }
    assert_eq!(durable, count as u64);
    assert!(results.keys().copied().eq(1..=count as u64), "{:?}", results.keys());
    results.into_values().collect()
}
