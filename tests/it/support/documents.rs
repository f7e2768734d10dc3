//! Builders of documents and of `Ingest` messages, as a client sends them.

use std::path::PathBuf;

use bytes::Bytes;
use prost::Message;
use prost_types::value::Kind as ValueKind;
use prost_types::{ListValue, Struct};
use serde_json::Value;
use splade_sidecar::proto::document_id::Kind;
use splade_sidecar::proto::index_service_client::IndexServiceClient;
use splade_sidecar::proto::{
    DeleteDocument, Document, DocumentId, EncodingStats, IngestOptions, IngestRequest, Operation, OperationResult,
    operation,
};
use tonic::transport::Channel;

use super::upload::ReceivedResults;

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

/// Returns documents with the ids 1, 2, … and these texts.
pub fn number_documents(texts: &[String]) -> Vec<Document> {
    (1..).zip(texts).map(|(number, text)| document(num(number), text)).collect()
}

/// Returns `count` different English texts of a few sentences each, whose vectors differ.
pub fn sample_texts(count: usize) -> Vec<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/golden/texts.json");
    let mut sentences: Vec<String> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    sentences.retain(|text| text.is_ascii() && text.len() > 100);
    let pair = |number: usize| {
        let (first, second) = (number % sentences.len(), number / sentences.len());
        format!("{} {}", sentences[first], sentences[second])
    };
    (0..count).map(pair).collect()
}

/// Converts a JSON object to a payload.
pub fn to_payload(value: Value) -> Struct {
    let Value::Object(fields) = value else { panic!("expected a JSON object, got {value}") };
    Struct { fields: fields.into_iter().map(|(name, value)| (name, to_payload_value(value))).collect() }
}

fn to_payload_value(value: Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => ValueKind::NullValue(0),
        Value::Bool(flag) => ValueKind::BoolValue(flag),
        Value::Number(number) => ValueKind::NumberValue(number.as_f64().unwrap()),
        Value::String(text) => ValueKind::StringValue(text),
        Value::Array(values) => {
            ValueKind::ListValue(ListValue { values: values.into_iter().map(to_payload_value).collect() })
        }
        Value::Object(_) => ValueKind::StructValue(to_payload(value)),
    };
    prost_types::Value { kind: Some(kind) }
}

/// Returns options that create the collection.
pub fn options(collection: &str) -> IngestOptions {
    IngestOptions { collection: collection.to_owned(), create_collection: true, ..Default::default() }
}

/// Encodes documents as protobuf.
pub fn encode_documents(documents: impl IntoIterator<Item = Document>) -> Vec<Bytes> {
    documents.into_iter().map(|document| document.encode_to_vec().into()).collect()
}

/// Returns the encoded operation that upserts a document, given as protobuf bytes.
pub fn upsert(document: Bytes) -> Bytes {
    encode_operation(operation::Kind::Upsert(document), "")
}

/// Returns the encoded operation that deletes a document.
pub fn delete(id: DocumentId) -> Bytes {
    let deletion = DeleteDocument { id: Some(id), version: None };
    encode_operation(operation::Kind::DeleteDocument(deletion), "")
}

/// Encodes an operation with its position at the source as protobuf.
pub fn encode_operation(kind: operation::Kind, position: &str) -> Bytes {
    Operation { kind: Some(kind), position: position.to_owned() }.encode_to_vec().into()
}

/// Builds the messages of a stream that upserts documents, `per_message` each. The first one carries the options.
pub fn build_messages(options: IngestOptions, documents: Vec<Bytes>, per_message: usize) -> Vec<IngestRequest> {
    build_operation_messages(options, documents.into_iter().map(upsert).collect(), per_message)
}

/// Builds the messages of a stream, with `per_message` operations each. The first one carries the options.
pub fn build_operation_messages(
    options: IngestOptions,
    operations: Vec<Bytes>,
    per_message: usize,
) -> Vec<IngestRequest> {
    let message = |operations: &[Bytes]| IngestRequest { operations: operations.to_vec(), ..Default::default() };
    let mut messages: Vec<_> = operations.chunks(per_message).map(message).collect();
    match messages.first_mut() {
        Some(first) => first.options = Some(options),
        None => messages.push(IngestRequest { options: Some(options), operations, flush: false }),
    }
    messages
}

/// Sends all messages of a stream and returns the results in the order of the operations.
///
/// Asserts that each operation has one result, that the stream ends with OK, and what [`ReceivedResults::record`]
/// checks.
pub async fn run_stream(
    client: &mut IndexServiceClient<Channel>,
    messages: Vec<IngestRequest>,
) -> Vec<OperationResult> {
    let count = messages.iter().map(|message| message.operations.len()).sum();
    let first = messages.first().and_then(|message| message.options.as_ref()).map_or(0, |it| it.first_sequence);
    let mut responses = client.ingest(tokio_stream::iter(messages)).await.unwrap().into_inner();
    let mut received = ReceivedResults::from_sequence(first);
    while let Some(response) = responses.message().await.unwrap() {
        received.record(response);
    }
    received.expect_one_each(count).into_iter().cloned().collect()
}

/// Returns the encoding statistics of an indexed document.
#[track_caller]
pub fn expect_stats(result: &OperationResult) -> EncodingStats {
    result.stats.unwrap_or_else(|| panic!("no encoding statistics: {result:?}"))
}
