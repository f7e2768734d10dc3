//! Payloads over HTTP: plain JSON.
//!
//! The API has two fields for a payload: `payload`, a Struct, whose numbers are doubles, and `payload_json`, the text of a JSON
//! object. Over HTTP, `payload` contains the JSON of `payload_json`, so 64-bit integers are exact. In responses, integers that
//! JavaScript would round are strings of digits, and `inexact_fields` names the fields that contain such integers.
//!
//! See docs/adr/0003-payloads-as-json.md.

use prost::Message;
use prost::encoding::{WireType, encode_key};
use prost_reflect::{FieldDescriptor, MessageDescriptor};

use super::safe_integer::MAX_SAFE_INTEGER;
use crate::json::{as_integer, token_length};
use crate::proto::{PayloadFormat, ReturnOptions};

const STRUCT_MESSAGE_NAME: &str = "google.protobuf.Struct";
/// Name of the field of ReturnOptions with the format of payloads.
const FORMAT_FIELD: &str = "payload_format";
/// Name of the field of requests with the ReturnOptions.
const RETURN_OPTIONS_FIELD: &str = "return_options";
/// Name of the field of StoredDocument that lists the inexact fields of its payload.
const INEXACT_FIELDS_FIELD: &str = "inexact_fields";

/// Returns the field that contains a Struct field as JSON text; `None` for other fields.
pub fn find_json_field(field: &FieldDescriptor) -> Option<FieldDescriptor> {
    let is_struct = field.kind().as_message().is_some_and(|message| message.full_name() == STRUCT_MESSAGE_NAME);
    let message = is_struct.then(|| field.parent_message())?;
    message.get_field_by_name(&format!("{}_json", field.name()))
}

/// Returns whether a field doesn't exist over HTTP, where payloads have a single format.
pub fn is_hidden(field: &FieldDescriptor) -> bool {
    let message = field.parent_message();
    match field.name() {
        FORMAT_FIELD => true,
        name => name
            .strip_suffix("_json")
            .and_then(|name| message.get_field_by_name(name))
            .is_some_and(|struct_field| find_json_field(&struct_field).as_ref() == Some(field)),
    }
}

/// Returns whether a field is `inexact_fields`.
pub fn is_inexact_fields(field: &FieldDescriptor) -> bool {
    field.name() == INEXACT_FIELDS_FIELD
}

/// Requests payloads as JSON in the response, if the request has return options. Appends a second occurrence of the field:
/// decoders merge it with the options of the client.
pub fn request_json_payloads(descriptor: &MessageDescriptor, wire: &mut Vec<u8>) {
    if let Some(field) = descriptor.get_field_by_name(RETURN_OPTIONS_FIELD) {
        let options = ReturnOptions { payload_format: PayloadFormat::Json.into(), ..ReturnOptions::default() };
        encode_key(field.number(), WireType::LengthDelimited, wire);
        wire.extend_from_slice(&options.encode_length_delimited_to_vec());
    }
}

/// Appends the text of a payload to `json`, with integers beyond ±(2^53 - 1) as strings. Returns the keys of the top-level fields
/// that contain such integers, as JSON strings with quotes.
pub fn write_payload<'a>(text: &'a str, json: &mut Vec<u8>) -> Vec<&'a str> {
    let mut inexact_keys: Vec<&str> = Vec::new();
    let (mut offset, mut copied_end, mut depth) = (0, 0, 0_usize);
    let (mut string, mut key) = ("", "");
    while let Some(remaining) = text.as_bytes().get(offset..).filter(|remaining| !remaining.is_empty()) {
        let end = offset + token_length(remaining);
        match remaining.first() {
            Some(b'{' | b'[') => depth += 1,
            Some(b'}' | b']') => depth = depth.saturating_sub(1),
            Some(b'"') => string = text.get(offset..end).unwrap_or_default(),
            Some(b':') if depth == 1 => key = string,
            _ => {}
        }
        let integer = text.as_bytes().get(offset..end).and_then(as_integer);
        if let Some(integer) = integer.filter(|integer| !is_safe_integer(integer)) {
            json.extend_from_slice(text.as_bytes().get(copied_end..offset).unwrap_or_default());
            json.push(b'"');
            json.extend_from_slice(integer.as_bytes());
            json.push(b'"');
            copied_end = end;
            // A field may contain several large integers; they follow each other.
            if inexact_keys.last() != Some(&key) {
                inexact_keys.push(key);
            }
        }
        offset = end;
    }
    json.extend_from_slice(text.as_bytes().get(copied_end..).unwrap_or_default());
    inexact_keys
}

/// Returns whether JavaScript represents an integer exactly.
fn is_safe_integer(integer: &str) -> bool {
    integer.trim_start_matches('-').parse::<u64>().is_ok_and(|magnitude| magnitude <= MAX_SAFE_INTEGER)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::contract::{PACKAGE, descriptor_pool, message};
    use super::super::json_decode::decode_message;
    use super::super::method::Method;
    use super::*;
    use crate::proto::SearchRequest;

    /// Law: every message with a payload has both payload fields.
    #[test]
    fn every_payload_has_a_json_field() {
        let mut hidden = Vec::new();
        for message in descriptor_pool().all_messages().filter(|message| message.package_name() == PACKAGE) {
            for field in message.fields() {
                let is_struct =
                    field.kind().as_message().is_some_and(|message| message.full_name() == STRUCT_MESSAGE_NAME);
                assert_eq!(is_struct, find_json_field(&field).is_some(), "{}", field.full_name());
                if is_hidden(&field) {
                    hidden.push(field.full_name().trim_start_matches(PACKAGE).to_owned());
                }
            }
        }
        hidden.sort_unstable();
        let expected = [
            ".Document.payload_json",
            ".ReturnOptions.payload_format",
            ".SetPayload.payload_json",
            ".StoredDocument.payload_json",
        ];
        assert_eq!(hidden, expected);
    }

    /// Law: if a response can contain a payload, its request has return options to select JSON.
    #[test]
    fn every_response_with_payloads_supports_json() {
        fn has_payload(message: &MessageDescriptor, seen: &mut Vec<String>) -> bool {
            if message.full_name() == "splade_sidecar.v1.StoredDocument" {
                return true;
            }
            if seen.iter().any(|name| name == message.full_name()) {
                return false;
            }
            seen.push(message.full_name().to_owned());
            message.fields().any(|field| field.kind().as_message().is_some_and(|below| has_payload(below, seen)))
        }
        let mut with_payload = 0;
        for method in Method::all() {
            let asks = method.descriptor.input().get_field_by_name(RETURN_OPTIONS_FIELD).is_some();
            assert_eq!(asks, has_payload(&method.descriptor.output(), &mut Vec::new()), "{}", method.path);
            with_payload += usize::from(asks);
        }
        assert_eq!(with_payload, 3);
    }

    #[test]
    fn options_of_the_client_are_kept() {
        for (json, with_vectors) in [("{}", false), (r#"{"return_options": {"with_sparse_vectors": true}}"#, true)] {
            let (descriptor, mut wire) = (message("SearchRequest"), Vec::new());
            decode_message(&descriptor, json.as_bytes(), &mut wire).unwrap();
            request_json_payloads(&descriptor, &mut wire);
            let options = SearchRequest::decode(&*wire).unwrap().return_options.unwrap();
            assert_eq!((options.payload_format(), options.with_sparse_vectors), (PayloadFormat::Json, with_vectors));
        }
        let mut wire = Vec::new();
        request_json_payloads(&message("GetCollectionRequest"), &mut wire);
        assert!(wire.is_empty());
    }

    fn written(text: &str) -> (String, Vec<&str>) {
        let mut json = Vec::new();
        let inexact = write_payload(text, &mut json);
        (String::from_utf8(json).unwrap(), inexact)
    }

    #[test]
    fn large_integers_become_strings() {
        let text = r#"{"safe": [9007199254740991, -9007199254740991, 0, -0, 1.5], "large": 9007199254740992.0,
            "exponent": 1e300, "text": "9007199254740993: {\" 9007199254740993", "e\"\u00e9": {"in": [9007199254740992]},
            "min": -9223372036854775808, "two": [18446744073709551616, {"a": -9007199254740992}]}"#;
        let expected = text
            .replace("[9007199254740992]", "[\"9007199254740992\"]")
            .replace("-9223372036854775808", "\"-9223372036854775808\"")
            .replace("18446744073709551616", "\"18446744073709551616\"")
            .replace("-9007199254740992}", "\"-9007199254740992\"}");
        assert_eq!(written(text), (expected, vec![r#""e\"\u00e9""#, r#""min""#, r#""two""#]));
        assert_eq!(written("{}"), ("{}".to_owned(), vec![]));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::from),
            (-1_i64 << 54..1 << 54).prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            Just(json!(null)),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    /// Returns a value with large integers as strings, and whether it contains one.
    fn expected(value: Value) -> (Value, bool) {
        match value {
            Value::Number(number) if number.as_i64().is_some_and(|it| it.unsigned_abs() > MAX_SAFE_INTEGER) => {
                (number.to_string().into(), true)
            }
            Value::Array(all) => {
                let (all, inexact): (Vec<_>, Vec<_>) = all.into_iter().map(expected).unzip();
                (all.into(), inexact.contains(&true))
            }
            Value::Object(all) => {
                let all: Vec<_> = all.into_iter().map(|(name, value)| (name, expected(value))).collect();
                let inexact = all.iter().any(|(_, (_, inexact))| *inexact);
                (Value::Object(all.into_iter().map(|(name, (value, _))| (name, value)).collect()), inexact)
            }
            other => (other, false),
        }
    }

    proptest! {
        /// Law: exactly the integers that JavaScript would round become strings, and exactly the fields that contain one are
        /// named.
        #[test]
        fn only_large_integers_change(
            fields in prop::collection::btree_map(any::<String>(), any_value(), 0..5),
        ) {
            let text = json!(fields).to_string();
            let (json, inexact) = written(&text);
            let fields: Vec<_> = fields.into_iter().map(|(name, value)| (name, expected(value))).collect();
            let names: Vec<_> = fields.iter().filter(|(_, (_, inexact))| *inexact).map(|(name, _)| name.clone()).collect();
            let fields: Value = Value::Object(fields.into_iter().map(|(name, (value, _))| (name, value)).collect());
            prop_assert_eq!(serde_json::from_str::<Value>(&json).unwrap(), fields);
            let mut found: Vec<String> = inexact.into_iter().map(|name| serde_json::from_str(name).unwrap()).collect();
            found.sort_unstable();
            prop_assert_eq!(found, names);
        }
    }
}
