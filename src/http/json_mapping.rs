//! Tests of the JSON mapping in both directions: the canonical mapping of proto3 with two exceptions, for large integers
//! (JavaScript) and for document ids.

use std::collections::BTreeSet;

use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};
use serde_json::Value;

use super::contract::{PACKAGE, message};
use super::json_decode::{OperationDescriptors, decode_message, decode_operation};
use super::json_encode::encode_message;
use super::method::Method;
use super::safe_integer::MAX_SAFE_INTEGER;
use super::testing::{BytesMessage, bytes_message};
use crate::proto;
use crate::types::{ApiError, ErrorReason};

const WRITING: SerializeOptions =
    SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false).skip_default_fields(false);

fn wire(name: &str, json: &str) -> Result<Bytes, ApiError> {
    let mut wire = Vec::new();
    decode_message(&message(name), json.as_bytes(), &mut wire).map(|()| wire.into())
}

fn written(name: &str, wire: &Bytes) -> String {
    String::from_utf8(encode_message(&message(name), wire).unwrap()).unwrap()
}

/// Normalizes a value for comparison: numbers as floats, because prost-reflect writes some integers as floats, and large
/// integers as strings.
fn normalize(value: Value) -> Value {
    let is_large = |number: i64| number.unsigned_abs() > MAX_SAFE_INTEGER;
    match value {
        Value::Number(number) if number.as_i64().is_some_and(is_large) => number.to_string().into(),
        Value::Number(number) => number.as_f64().into(),
        Value::Array(all) => all.into_iter().map(normalize).collect(),
        Value::Object(all) => all.into_iter().map(|(name, value)| (name, normalize(value))).collect(),
        other => other,
    }
}

/// prost-reflect is an independent implementation of the mapping (with a high memory use).
#[test]
fn the_mapping_equals_that_of_prost_reflect() {
    for (name, json) in [
        (
            "SearchRequest",
            r#"{"collection": "dócs", "query": {"text": "a\"\n\u0007", "encoding": {"pruning": {}}}, "limit": "7",
            "scoreThreshold": 0.1}"#,
        ),
        (
            "Query",
            r#"{"sparse_vector": {"indices": [0, 1e3, "4294967295"], "values": [1, -0.25, "1e-9"]}, "vector_name": "a"}"#,
        ),
        (
            "SearchRequest",
            r#"{"filter": {"must": [{"path": "a", "match_any": {"integers": [-1, "9223372036854775807"]}}],
            "must_not": [{"filter": {"should": [{"path": "b", "is_empty": true}]}}]}, "limit": null,
            "score_threshold": 0}"#,
        ),
        ("TimeRange", r#"{"lt": "1972-01-01T10:00:20.021Z", "gte": "0001-01-01T00:00:00-01:00"}"#),
        ("NumberRange", r#"{"lt": 1e300, "gt": -7, "gte": "-Infinity", "lte": "1e-3"}"#),
        ("ReturnOptions", r#"{"payload_fields": ["a", "b"], "withSparseVectors": true}"#),
        ("Document", r#"{"text": "x", "dense_vectors": {"d": {"values": [0, 1]}, "e": {}}, "version": "-7"}"#),
        ("Document", r#"{"payload": null, "text": null}"#),
        (
            "IngestOptions",
            r#"{"encoding": {"long_text": 3, "window_overlap": 0}, "collection_options": {"sparse_vectors":
            {"s": {"datatype": "VECTOR_DATATYPE_UINT8"}}, "dense_vectors": {"d": {"size": 3, "distance": "DISTANCE_DOT"}},
            "shard_keys": ["a", "b"]}, "text_field": "", "first_sequence": 9223372036854775807}"#,
        ),
        ("OperationResult", r#"{"sequence": 3, "error": {"code": -3}, "stats": {"pruned_weight": 0.3}, "status": 99}"#),
        ("UpsertResponse", r#"{"results": [{"stats": {"truncated": true, "token_count": "9"}}, {}]}"#),
        ("MatchValue", r#"{"integer": -9223372036854775808}"#),
        ("ListModelsRequest", "{}"),
    ] {
        let mut expected = serde_json::Deserializer::from_str(json);
        let expected = DynamicMessage::deserialize(message(name), &mut expected).unwrap();
        let wire = wire(name, json).unwrap();
        let found = DynamicMessage::decode(message(name), wire.clone()).unwrap();
        assert!(found == expected, "{json}");
        let written = serde_json::from_str(&written(name, &wire)).unwrap();
        // Responses don't contain timestamps.
        if name != "TimeRange" {
            let mut text = Vec::new();
            let mut writer = serde_json::Serializer::new(&mut text);
            expected.serialize_with_options(&mut writer, &WRITING).unwrap();
            let mut expected: Value = serde_json::from_slice(&text).unwrap();
            // Over HTTP, payloads have a single format.
            if let Some(fields) = expected.as_object_mut() {
                fields.retain(|name, _| !["payload_format", "payload_json"].contains(&name.as_str()));
            }
            assert_eq!(normalize(written), normalize(expected), "{json}");
        }
    }
}

/// Law: the gateway implements all messages of other packages that occur in requests and responses.
#[test]
fn well_known_messages_are_implemented() {
    fn collect(message: MessageDescriptor, seen: &mut BTreeSet<String>) {
        if seen.insert(message.full_name().to_owned()) && (message.package_name() == PACKAGE || message.is_map_entry())
        {
            message.fields().filter_map(|field| field.kind().as_message().cloned()).for_each(|it| collect(it, seen));
        }
    }
    let well_known = |messages: Vec<MessageDescriptor>| {
        let mut seen = BTreeSet::new();
        messages.into_iter().for_each(|message| collect(message, &mut seen));
        seen.retain(|name| !name.starts_with(PACKAGE));
        seen.into_iter().map(|name| name.trim_start_matches("google.protobuf.").to_owned()).collect::<Vec<_>>()
    };
    let methods = Method::all();
    let requests = methods.iter().map(|method| method.descriptor.input()).collect();
    assert_eq!(well_known(requests), ["Struct", "Timestamp"]);
    let responses = methods.iter().map(|method| method.descriptor.output()).collect();
    assert_eq!(well_known(responses), ["Duration", "Struct", "Value"]);
}

#[test]
fn durations_and_values_are_written() {
    let grace_period = Some(prost_types::Duration { seconds: 1, nanos: 500_000_000 });
    let draining = proto::IngestDraining { read_through: MAX_SAFE_INTEGER + 1, grace_period };
    assert_eq!(
        written("IngestDraining", &draining.encode_to_vec().into()),
        r#"{"read_through":"9007199254740992","grace_period":"1.500s"}"#
    );
    for (kind, expected) in [
        (prost_types::value::Kind::StringValue("a".to_owned()), r#""a""#),
        (prost_types::value::Kind::NumberValue(1999.0), "1999"),
        (prost_types::value::Kind::NumberValue(0.5), "0.5"),
        (prost_types::value::Kind::BoolValue(true), "true"),
    ] {
        let group = proto::HitGroup { value: Some(prost_types::Value { kind: Some(kind) }), hits: Vec::new() };
        let json = written("HitGroup", &group.encode_to_vec().into());
        assert_eq!(json, format!("{{\"value\":{expected},\"hits\":[]}}"));
    }
}

#[test]
fn documents_round_trip() {
    let json = r#"{"id":9007199254740991,"text":"x","payload":{"a": [1,2.50,null,true,"\u00e9",{},[]], "n":-9007199254740991},"dense_vectors":{}}"#;
    assert_eq!(written("Document", &wire("Document", json).unwrap()), json);
    for broken in [&b"\x0a"[..], b"\x0a\x05a", b"\x12\x01\xff", b"\x0b", b"\x2a\x01\xff"] {
        encode_message(&message("Document"), &Bytes::from_static(broken)).unwrap_err();
    }
}

#[test]
fn stored_documents_name_inexact_fields() {
    let stored = proto::StoredDocument {
        payload_json: r#"{"a":9007199254740993,"b":1}"#.to_owned(),
        ..proto::StoredDocument::default()
    };
    assert_eq!(
        written("StoredDocument", &stored.encode_to_vec().into()),
        r#"{"payload":{"a":"9007199254740993","b":1},"inexact_fields":["a"],"payload_unreadable":false,"text_field":"","sparse_vectors":{},"dense_vectors":{}}"#
    );
    let empty = written("StoredDocument", &Bytes::new());
    assert!(empty.starts_with(r#"{"inexact_fields":[],"#), "{empty}");
}

/// Memory is bounded: a payload of many small values grows by a small factor only.
#[test]
fn decoded_messages_are_not_much_larger() {
    let json = format!(r#"{{"payload": {{"a": [{}1]}}}}"#, "1,".repeat(10_000));
    let wire = wire("Document", &json).unwrap();
    assert!(wire.len() < 6 * json.len(), "{} bytes became {}", json.len(), wire.len());
}

#[test]
fn errors_name_the_field_and_the_position() {
    for (json, field, problem) in [
        (r#"{"collection": "docs", "limt": 3}"#, "limt", "unrecognized field name 'limt' at line 1 column 29"),
        ("{\"collection\": \"docs\",\n \"limit\": -3}", "limit", "-3 is out of range at line 2"),
        (r#"{"limit": 1.5, "offset": 1}"#, "limit", "invalid type: floating point `1.5`, expected an integer"),
        (r#"{"limit": 1, "limit": 1, "offset": 1}"#, "limit", "duplicate field 'limit'"),
        (r#"{"query": {}, "score_threshold": 1e39}"#, "score_threshold", "is out of range"),
        (r#"{"ignore_fingerprint": 1}"#, "ignore_fingerprint", "invalid type: integer `1`, expected true or false"),
        (r#"{"filter": {"must": [{"has_id": {}}, {"range": 3}]}}"#, "filter.must[1].range", "invalid type: integer"),
        (r#"{"filter": {"must": [{"has_id": {"ids": [7, null]}}]}}"#, "filter.must[0].has_id.ids[1]", "expected an id"),
        (r#"{"filter": {"must": [null]}}"#, "filter.must[0]", "invalid type: null, expected an object"),
        (r#"{"query": {"text": "a", "fusion": {}}}"#, "query", "multiple fields provided for oneof 'kind'"),
        (r#"{"return_options": {"payload_format": 1}}"#, "return_options.payload_format", "unrecognized field name"),
        (r#"{"collection": "docs""#, "collection", "EOF while parsing"),
        (r#"{} {}"#, "", "trailing characters"),
        ("[]", "", "invalid type: sequence, expected an object"),
        ("", "", "EOF while parsing"),
    ] {
        let error = wire("SearchRequest", json).unwrap_err();
        assert_eq!(error.reason, ErrorReason::InvalidArgument);
        assert!(error.field.starts_with(field) && error.field.is_empty() == field.is_empty(), "{json}: {error:?}");
        assert!(error.message.contains(problem) && error.message.contains("SearchRequest"), "{json}: {error}");
    }
    // Refused, because rounding would change the numbers.
    for (name, json) in [
        ("DocumentId", r#"{"num": 9007199254740993.0}"#),
        ("DocumentId", r#"{"num": 18446744073709551616}"#),
        ("MatchValue", r#"{"integer": -9223372036854775809}"#),
        ("MatchValue", r#"{"integer": 1e18}"#),
    ] {
        let error = wire(name, json).unwrap_err();
        assert!(error.message.contains("may have been rounded"), "{json}: {error}");
    }
    for (name, json) in [
        ("DocumentId", r#"{"num": 9007199254740991.0}"#),
        ("DocumentId", r#"{"num": "18446744073709551615"}"#),
        ("MatchValue", r#"{"integer": -9223372036854775808}"#),
        ("MatchValue", r#"{"integer": "-9223372036854775808"}"#),
    ] {
        wire(name, json).unwrap();
    }
    let error = wire("Document", r#"{"text": "a", "payload": {"a": }}"#).unwrap_err();
    assert!(error.message.contains("expected value") && error.field.starts_with("payload"), "{error:?}");
    let error = wire("Document", r#"{"payload_json": "{}"}"#).unwrap_err();
    assert!(error.message.contains("unrecognized field name 'payload_json'"), "{error}");
}

/// The field is a path in the document, as in unary calls, for both forms of a line.
#[test]
fn errors_of_lines_name_the_field_of_the_document() {
    let operation = OperationDescriptors::new(message("Operation")).unwrap();
    for (line, field) in [
        (r#"{"id": true}"#, "id"),
        (r#"{"upsert": {"id": true}}"#, "id"),
        (r#"{"upsert": 7}"#, "upsert"),
        (r#"{"delete_document": {"id": true}}"#, "delete_document.id"),
        ("7", ""),
    ] {
        let error = decode_operation(&operation, line.as_bytes(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.field, field, "{line}");
        assert!(error.message.contains("send a Document or Operation as"), "{error}");
    }
}

proptest! {
    /// Law: bytes are encoded as base64 and round-trip.
    #[test]
    fn bytes_are_base64(one: Vec<u8>, many: Vec<Vec<u8>>) {
        let (descriptor, wire) = (bytes_message(), BytesMessage { one: one.clone(), many: many.clone() }.encode_to_vec());
        let json = encode_message(&descriptor, &wire).unwrap();
        let texts: Vec<_> = many.iter().map(|bytes| BASE64_STANDARD.encode(bytes)).collect();
        let expected = serde_json::json!({ "one": BASE64_STANDARD.encode(&one), "many": texts });
        prop_assert_eq!(serde_json::from_slice::<Value>(&json).unwrap(), expected);
        let url_safe: Vec<_> = many.iter().map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes)).collect();
        let url_safe = serde_json::json!({ "one": BASE64_URL_SAFE_NO_PAD.encode(&one), "many": url_safe }).to_string();
        for json in [&json[..], url_safe.as_bytes()] {
            let mut wire = Vec::new();
            decode_message(&descriptor, json, &mut wire).unwrap();
            prop_assert_eq!(BytesMessage::decode(&*wire), Ok(BytesMessage { one: one.clone(), many: many.clone() }));
        }
    }
}

#[test]
fn bytes_that_are_not_base64_are_refused() {
    for (json, problem) in [(r#"{"one": "a"}"#, "'a' is not base64"), (r#"{"one": 7}"#, "expected a base64 string")] {
        let error = decode_message(&bytes_message(), json.as_bytes(), &mut Vec::new()).unwrap_err();
        assert!(error.field == "one" && error.message.contains(problem), "{error:?}");
    }
}
