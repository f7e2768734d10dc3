//! Messages of the contract as JSON: proto3's canonical mapping.
//!
//! Reading takes all that the mapping allows: both spellings of a field's name, numbers as strings, enums by name or
//! number. Writing gives field names as they are in the contract, fields that have their default too, and 64-bit integers
//! as numbers: an id comes back as it is sent, and as Qdrant writes it.

use bytes::Bytes;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;
use tokio::task::spawn_blocking;
use tonic::Status;

use super::{reader, writer};
use crate::grpc::status::status;
use crate::json::path_at;
use crate::types::{Fault, Reason};

const WRITING: SerializeOptions =
    SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false).skip_default_fields(false);

/// How many bytes may be turned over where other calls wait for the same thread: a millisecond's work or so.
const QUICK: usize = 64 << 10;

/// Appends to `wire` the message that `json` is.
///
/// # Errors
/// If it is no JSON, or not of that message: the field, and the line and column.
pub fn read(descriptor: &MessageDescriptor, json: &[u8], wire: &mut Vec<u8>) -> Result<(), Fault> {
    reader::read(descriptor, json, wire).map_err(|error| malformed(descriptor.name(), json, &error))
}

/// Reads a string.
///
/// # Errors
/// If it is none.
pub fn read_string(json: &[u8]) -> Result<String, Fault> {
    serde_json::from_slice(json).map_err(|error| malformed("JSON string", json, &error))
}

fn malformed(what: &str, json: &[u8], error: &serde_json::Error) -> Fault {
    let message = format!("{error}; send a {what} as /openapi.json describes it");
    Fault::new(Reason::InvalidArgument, path_at(json, error.line(), error.column()), message)
}

/// The JSON of a message as it came.
///
/// # Errors
/// If it is no such message, which no service sends.
pub fn write(descriptor: &MessageDescriptor, wire: &Bytes) -> Result<Vec<u8>, Status> {
    let mut json = Vec::with_capacity(2 * wire.len());
    writer::write(descriptor, wire, &mut json).map_err(unwritable)?;
    Ok(json)
}

/// The JSON of a small message that was looked into.
///
/// # Errors
/// If it holds what JSON can't say, which no message of the contract does.
pub fn write_dynamic(message: &DynamicMessage) -> Result<Vec<u8>, Status> {
    let mut json = Vec::new();
    message.serialize_with_options(&mut serde_json::Serializer::new(&mut json), &WRITING).map_err(unwritable)?;
    Ok(json)
}

/// The same, as a value.
///
/// # Errors
/// As of [`write_dynamic`].
pub fn value(message: &DynamicMessage) -> Result<Value, Status> {
    message.serialize_with_options(serde_json::value::Serializer, &WRITING).map_err(unwritable)
}

fn unwritable(error: impl std::fmt::Display) -> Status {
    internal(format!("the answer can't be written as JSON: {error}"))
}

/// A defect of the door.
pub fn internal(message: impl Into<String>) -> Status {
    status(Fault::new(Reason::Internal, "", message))
}

/// Does work on so many bytes: at once, or where it holds up no other call.
///
/// # Errors
/// If the process ends meanwhile.
pub async fn turn_over<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Status> {
    if bytes <= QUICK {
        return Ok(work());
    }
    spawn_blocking(work).await.map_err(|error| internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::super::contract::pool;
    use super::*;

    fn descriptor(name: &str) -> MessageDescriptor {
        pool().get_message_by_name(&format!("splade.v1.{name}")).unwrap()
    }

    fn wire(name: &str, json: &str) -> Result<Bytes, Fault> {
        let mut wire = Vec::new();
        read(&descriptor(name), json.as_bytes(), &mut wire).map(|()| wire.into())
    }

    /// A value with all numbers as floats: prost-reflect writes some whole ones so.
    fn loose(value: Value) -> Value {
        match value {
            Value::Number(number) => number.as_f64().into(),
            Value::Array(all) => all.into_iter().map(loose).collect(),
            Value::Object(all) => all.into_iter().map(|(name, value)| (name, loose(value))).collect(),
            other => other,
        }
    }

    /// prost-reflect has the mapping as a whole, and takes a lot of memory for it.
    #[test]
    fn the_mapping_is_that_of_prost_reflect() {
        for (name, json) in [
            (
                "SearchRequest",
                r#"{"collection": "dócs", "text": "a\"\n\u0007", "limit": "7", "scoreThreshold": 0.1, "pruning": {}}"#,
            ),
            (
                "SearchRequest",
                r#"{"vector": {"indices": [0, 1e3, "4294967295"], "values": [1, -0.25, "1e-9"]}, "with_vector": true}"#,
            ),
            (
                "SearchRequest",
                r#"{"filter": {"must": [{"field": {"key": "a", "any": {"integers": [-1, "9223372036854775807"]}}}],
                "must_not": [{"filter": {"should": [{"is_empty": {"key": "b"}}]}}]}, "limit": null, "score_threshold": 0}"#,
            ),
            ("TimeRange", r#"{"lt": "1972-01-01T10:00:20.021Z", "gte": "0001-01-01T00:00:00-01:00"}"#),
            ("NumberRange", r#"{"lt": 1e300, "gt": -7, "gte": "-Infinity", "lte": "1e-3"}"#),
            (
                "Document",
                r#"{"id": {"num": 18446744073709551615}, "text": "x", "dense_vectors": {"d": {"values": [0, 1]}, "e": {}}}"#,
            ),
            ("Document", r#"{"payload": null, "text": null}"#),
            (
                "IngestOptions",
                r#"{"long_text": 3, "collection_options": {"datatype": "VECTOR_DATATYPE_UINT8",
                "dense_vectors": {"d": {"size": 3, "distance": "DISTANCE_DOT"}}, "shard_keys": ["a", "b"]}, "text_key": ""}"#,
            ),
            ("DocumentResult", r#"{"sequence": 3, "rejection": {"code": -3}, "pruned_weight": 0.3, "status": 99}"#),
            ("UpsertResponse", r#"{"results": [{"truncated": true, "id": {"key": "a"}}, {}]}"#),
            ("MatchValue", r#"{"integer": -9223372036854775808}"#),
            ("ListModelsRequest", "{}"),
        ] {
            let mut expected = serde_json::Deserializer::from_str(json);
            let expected = DynamicMessage::deserialize(descriptor(name), &mut expected).unwrap();
            let wire = wire(name, json).unwrap();
            let found = DynamicMessage::decode(descriptor(name), wire.clone()).unwrap();
            assert!(found == expected, "{json}");
            let written = write(&descriptor(name), &wire).unwrap();
            let written = serde_json::from_slice(&written).unwrap();
            // Times are only sent, never given.
            if name != "TimeRange" {
                let mut expected: Value = serde_json::from_slice(&write_dynamic(&expected).unwrap()).unwrap();
                // A payload has but one form here.
                if let Some(fields) = expected.as_object_mut() {
                    fields.retain(|name, _| !["payload_format", "payload_json"].contains(&name.as_str()));
                }
                assert_eq!(loose(written), loose(expected), "{json}");
            }
        }
    }

    #[test]
    fn payloads_come_back_as_they_were() {
        let json = r#"{"id":{"num":18446744073709551615},"text":"x","payload":{"a": [1,2.50,null,true,"\u00e9",{},[]], "n":-9223372036854775808},"dense_vectors":{}}"#;
        assert_eq!(write(&descriptor("Document"), &wire("Document", json).unwrap()).unwrap(), json.as_bytes());
        for broken in [&b"\x0a"[..], b"\x0a\x05a", b"\x12\x01\xff", b"\x0b", b"\x2a\x01\xff"] {
            write(&descriptor("Document"), &Bytes::from_static(broken)).unwrap_err();
        }
    }

    /// A payload of small values has a few times its size, and not hundreds of times.
    #[test]
    fn what_is_read_is_not_much_larger() {
        let json = format!(r#"{{"payload": {{"a": [{}1]}}}}"#, "1,".repeat(10_000));
        let wire = wire("Document", &json).unwrap();
        assert!(wire.len() < 6 * json.len(), "{} bytes became {}", json.len(), wire.len());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (json, field, problem) in [
            (r#"{"collection": "docs", "limt": 3}"#, "limt", "unrecognized field name 'limt' at line 1 column 29"),
            ("{\"collection\": \"docs\",\n \"limit\": -3}", "limit", "-3 is out of range at line 2"),
            (r#"{"limit": 1.5, "offset": 1}"#, "limit", "invalid type: floating point `1.5`, expected an integer"),
            (r#"{"limit": 1, "limit": 1, "offset": 1}"#, "limit", "the field 'limit' is there twice"),
            (r#"{"text": "a", "score_threshold": 1e39}"#, "score_threshold", "is out of range"),
            (r#"{"with_vector": 1}"#, "with_vector", "invalid type: integer `1`, expected true or false"),
            (
                r#"{"filter": {"must": [{"has_id": {}}, {"field": 3}]}}"#,
                "filter.must[1].field",
                "invalid type: integer",
            ),
            (r#"{"filter": {"must": [null]}}"#, "filter.must[0]", "invalid type: null, expected an object"),
            (r#"{"text": "a", "vector": {}}"#, "", "multiple fields provided for oneof 'query'"),
            (r#"{"collection": "docs""#, "collection", "EOF while parsing"),
            (r#"{} {}"#, "", "trailing characters"),
            ("[]", "", "invalid type: sequence, expected an object"),
            ("", "", "EOF while parsing"),
        ] {
            let fault = wire("SearchRequest", json).unwrap_err();
            assert_eq!((fault.reason, fault.field.as_str()), (Reason::InvalidArgument, field), "{json}: {fault}");
            assert!(fault.message.contains(problem) && fault.message.contains("SearchRequest"), "{json}: {fault}");
        }
        // Rounded, the first would be another id, and the third another number.
        for (name, json) in [
            ("DocumentId", r#"{"num": 9007199254740993.0}"#),
            ("DocumentId", r#"{"num": 18446744073709551616}"#),
            ("MatchValue", r#"{"integer": -9223372036854775809}"#),
            ("MatchValue", r#"{"integer": 1e18}"#),
        ] {
            let fault = wire(name, json).unwrap_err();
            assert!(fault.message.contains("may have been rounded"), "{json}: {fault}");
        }
        for (name, json) in [
            ("DocumentId", r#"{"num": 9007199254740991.0}"#),
            ("DocumentId", r#"{"num": "18446744073709551615"}"#),
            ("MatchValue", r#"{"integer": -9223372036854775808}"#),
        ] {
            wire(name, json).unwrap();
        }
        let fault = wire("Document", r#"{"text": "a", "payload": {"a": }}"#).unwrap_err();
        assert!(fault.message.contains("expected value") && fault.field.starts_with("payload"), "{fault:?}");
        let fault = wire("Document", r#"{"payload_json": "{}"}"#).unwrap_err();
        assert!(fault.message.contains("unrecognized field name 'payload_json'"), "{fault}");
    }
}
