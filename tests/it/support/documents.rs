//! Documents and streams of them, as a client makes them.

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

/// Documents 1, 2, … of these texts.
pub fn number_documents(texts: &[String]) -> Vec<Document> {
    (1..).zip(texts).map(|(number, text)| document(num(number), text)).collect()
}

/// So many different texts of a few sentences in plain English, with different vectors.
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

/// A payload of JSON's form.
pub fn to_payload(value: Value) -> Struct {
    let Value::Object(fields) = value else { panic!("{value} is no object") };
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

/// Options that create the collection.
pub fn options(collection: &str) -> IngestOptions {
    IngestOptions { collection: collection.to_owned(), create_collection: true, ..Default::default() }
}

/// Documents as they go over the wire.
pub fn encode_documents(documents: impl IntoIterator<Item = Document>) -> Vec<Bytes> {
    documents.into_iter().map(|document| document.encode_to_vec().into()).collect()
}

/// The operation that stores a document, given as bytes.
pub fn upsert(document: Bytes) -> Bytes {
    encode_operation(operation::Kind::Upsert(document), "")
}

/// The operation that deletes a document.
pub fn delete(id: DocumentId) -> Bytes {
    let deletion = DeleteDocument { id: Some(id), version: None };
    encode_operation(operation::Kind::DeleteDocument(deletion), "")
}

/// An operation as it goes over the wire, with its position at its source.
pub fn encode_operation(kind: operation::Kind, position: &str) -> Bytes {
    Operation { kind: Some(kind), position: position.to_owned() }.encode_to_vec().into()
}

/// A stream's messages that store documents: the options with the first of them, then so many a message.
pub fn build_messages(options: IngestOptions, documents: Vec<Bytes>, per_message: usize) -> Vec<IngestRequest> {
    build_operation_messages(options, documents.into_iter().map(upsert).collect(), per_message)
}

/// A stream's messages: the options with the first operations, then so many a message.
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

/// Sends a stream to its end and gives the results in the order of the operations.
///
/// Asserts what holds for every stream: see [`Got`]. Each operation has one result, and the stream ends OK.
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

/// How a document was encoded that is indexed.
#[track_caller]
pub fn expect_stats(result: &OperationResult) -> EncodingStats {
    result.stats.unwrap_or_else(|| panic!("it was not encoded: {result:?}"))
}
