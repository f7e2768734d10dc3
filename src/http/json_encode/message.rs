//! Encoding of messages, driven by their descriptors: with the field names of the API, and including fields with default values.

use prost::Message;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use prost_types::Any;

use super::scalar::{decode_utf8, write_scalar, write_string};
use super::well_known;
use super::wire_value::{EncodeError, EncodeResult, WireValue, decode_fields, default_wire_value};
use crate::http::contract::descriptor_pool;
use crate::http::payload::{find_json_field, is_hidden, is_inexact_fields, write_payload};
use crate::http::wire::{is_packed, to_wire_type};

const ANY: &str = "google.protobuf.Any";

/// Appends a message to `json`.
///
/// # Errors
/// If `wire` is not a valid message of this type.
pub fn write_message(descriptor: &MessageDescriptor, wire: &[u8], json: &mut Vec<u8>) -> EncodeResult {
    if descriptor.full_name() == ANY {
        return write_any(wire, json);
    }
    if let Some(written) = well_known::write_well_known(descriptor.full_name(), wire, json) {
        return written;
    }
    json.push(b'{');
    write_members(descriptor, wire, json.len(), json)?;
    json.push(b'}');
    Ok(())
}

/// Appends a `google.protobuf.Any`: its type, and the members of the message.
fn write_any(wire: &[u8], json: &mut Vec<u8>) -> EncodeResult {
    let Any { type_url, value } = Any::decode(wire)?;
    let name = type_url.rsplit('/').next().unwrap_or_default();
    let descriptor = descriptor_pool().get_message_by_name(name).ok_or(EncodeError::Malformed)?;
    json.push(b'{');
    let members_start = json.len();
    json.extend_from_slice(b"\"@type\":");
    write_string(&type_url, json)?;
    write_members(&descriptor, &value, members_start, json)?;
    json.push(b'}');
    Ok(())
}

/// Appends the members of a message to an object whose members begin at `members_start`.
fn write_members(
    descriptor: &MessageDescriptor,
    wire: &[u8],
    members_start: usize,
    json: &mut Vec<u8>,
) -> EncodeResult {
    let wire_fields = decode_fields(wire)?;
    let mut inexact_fields = Vec::new();
    for field in descriptor.fields().filter(|field| !is_hidden(field)) {
        match find_json_field(&field) {
            Some(text) => {
                let text =
                    wire_fields.iter().rfind(|(number, _)| *number == text.number()).map(|(_, text)| text.bytes());
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    write_name(&field, members_start, json)?;
                    inexact_fields = write_payload(decode_utf8(text)?, json);
                }
            }
            // Fields are visited in the order of their numbers, so the payload has been written before.
            None if is_inexact_fields(&field) => {
                write_name(&field, members_start, json)?;
                json.extend_from_slice(format!("[{}]", inexact_fields.join(",")).as_bytes());
            }
            None => write_member(&field, &wire_fields, members_start, json)?,
        }
    }
    Ok(())
}

/// Appends a field, unless it has presence and is not set.
fn write_member(
    field: &FieldDescriptor,
    wire_fields: &[(u32, WireValue<'_>)],
    members_start: usize,
    json: &mut Vec<u8>,
) -> EncodeResult {
    let mut field_values = wire_fields.iter().filter(|(number, _)| *number == field.number()).map(|(_, value)| *value);
    let is_repeated = field.is_list() || field.is_map();
    // If a field occurs several times, the last occurrence applies.
    let last = if is_repeated { None } else { field_values.next_back() };
    if !is_repeated && last.is_none() && field.supports_presence() {
        return Ok(());
    }
    write_name(field, members_start, json)?;
    match (&field.kind(), last) {
        (Kind::Message(entry), _) if field.is_map() => write_map(entry, field_values, json),
        (kind, _) if field.is_list() => write_list(kind, field_values, json),
        (kind, Some(value)) => write_value(kind, value, json),
        (kind, None) => write_value(kind, default_wire_value(kind), json),
    }
}

/// Appends the name of a field to an object whose members begin at `members_start`.
fn write_name(field: &FieldDescriptor, members_start: usize, json: &mut Vec<u8>) -> EncodeResult {
    write_comma(members_start, json);
    write_string(field.name(), json)?;
    json.push(b':');
    Ok(())
}

/// Appends a comma unless the element is the first since `elements_start`.
fn write_comma(elements_start: usize, json: &mut Vec<u8>) {
    if json.len() > elements_start {
        json.push(b',');
    }
}

/// Appends a value without a name.
fn write_value(kind: &Kind, value: WireValue<'_>, json: &mut Vec<u8>) -> EncodeResult {
    match kind {
        Kind::Message(descriptor) => write_message(descriptor, value.bytes(), json),
        kind => write_scalar(kind, value, json),
    }
}

fn write_list<'a>(kind: &Kind, values: impl Iterator<Item = WireValue<'a>>, json: &mut Vec<u8>) -> EncodeResult {
    json.push(b'[');
    let list_start = json.len();
    let write_element = |value, json: &mut Vec<u8>| {
        write_comma(list_start, json);
        write_value(kind, value, json)
    };
    for value in values {
        match value {
            // Packed: all elements in one value. Decoders must accept both encodings of a list.
            WireValue::Bytes(mut packed) if is_packed(kind) => {
                while !packed.is_empty() {
                    write_element(WireValue::decode(to_wire_type(kind), &mut packed)?, json)?;
                }
            }
            value => write_element(value, json)?,
        }
    }
    json.push(b']');
    Ok(())
}

fn write_map<'a>(
    entry: &MessageDescriptor,
    entries: impl Iterator<Item = WireValue<'a>>,
    json: &mut Vec<u8>,
) -> EncodeResult {
    let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field().kind());
    json.push(b'{');
    let map_start = json.len();
    for entry in entries {
        let wire_fields = decode_fields(entry.bytes())?;
        let find_value =
            |number: u32| wire_fields.iter().rev().find(|(found, _)| *found == number).map(|(_, value)| *value);
        write_comma(map_start, json);
        // All maps of the API have string keys.
        write_string(decode_utf8(find_value(key.number()).map_or(&[], WireValue::bytes))?, json)?;
        json.push(b':');
        let default_value =
            if matches!(value, Kind::Message(_)) { WireValue::Bytes(&[]) } else { default_wire_value(&value) };
        write_value(&value, find_value(2).unwrap_or(default_value), json)?;
    }
    json.push(b'}');
    Ok(())
}
