//! Encoding of messages with a special JSON form: ids, durations and `google.protobuf.Value`.

use prost::Message;
use prost_types::value::Kind;
use prost_types::{Duration, Value};

use super::scalar::{write_float, write_integer, write_json, write_string};
use super::wire_value::{EncodeError, EncodeResult};
use crate::http::id;
use crate::http::safe_integer::MAX_SAFE_INTEGER;
use crate::proto::DocumentId;

/// Appends a message with a special JSON form to `json`; returns `None` for other messages.
pub fn write_well_known(full_name: &str, wire: &[u8], json: &mut Vec<u8>) -> Option<EncodeResult> {
    Some(match full_name {
        id::MESSAGE_NAME => write_id(wire, json),
        "google.protobuf.Duration" => write_duration(wire, json),
        "google.protobuf.Value" => write_value(wire, json),
        _ => return None,
    })
}

fn write_id(wire: &[u8], json: &mut Vec<u8>) -> EncodeResult {
    Ok(id::write(&DocumentId::decode(wire)?, json)?)
}

/// Appends a duration in seconds, such as `1.500s`.
fn write_duration(wire: &[u8], json: &mut Vec<u8>) -> EncodeResult {
    write_string(&Duration::decode(wire)?.to_string(), json)
}

/// Appends a string, a number, a boolean or null. The API uses no lists and objects outside of payloads.
fn write_value(wire: &[u8], json: &mut Vec<u8>) -> EncodeResult {
    match Value::decode(wire)?.kind {
        None | Some(Kind::NullValue(_)) => write_json(&(), json),
        Some(Kind::BoolValue(value)) => write_json(&value, json),
        Some(Kind::StringValue(value)) => write_string(&value, json),
        Some(Kind::NumberValue(value)) if value.fract() == 0.0 && value.abs() <= MAX_SAFE_INTEGER as f64 => {
            write_integer(value as i128, json)
        }
        Some(Kind::NumberValue(value)) => write_float(value, &value, json),
        Some(Kind::StructValue(_) | Kind::ListValue(_)) => Err(EncodeError::Malformed),
    }
}
