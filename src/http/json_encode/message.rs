//! Messages, by their descriptors: field names are those of the contract, and fields that have their default are present.

use prost::Message;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use prost_types::Any;

use super::scalar::{utf8, write_scalar, write_string};
use super::well_known;
use super::wire_value::{Unwritable, Wire, Written, default, fields};
use crate::http::contract::pool;
use crate::http::payload::{has_inexact_fields, is_hidden, json_field, write_payload};
use crate::http::wire::{is_packed, wire_type};

const ANY: &str = "google.protobuf.Any";

/// Appends a message to `json`.
///
/// # Errors
/// If `wire` is not that message.
pub fn write_message(descriptor: &MessageDescriptor, wire: &[u8], json: &mut Vec<u8>) -> Written {
    if descriptor.full_name() == ANY {
        return write_any(wire, json);
    }
    if let Some(written) = well_known::write(descriptor.full_name(), wire, json) {
        return written;
    }
    json.push(b'{');
    write_members(descriptor, wire, json.len(), json)?;
    json.push(b'}');
    Ok(())
}

/// Appends a message of any type: its members after its type.
fn write_any(wire: &[u8], json: &mut Vec<u8>) -> Written {
    let Any { type_url, value } = Any::decode(wire)?;
    let name = type_url.rsplit('/').next().unwrap_or_default();
    let descriptor = pool().get_message_by_name(name).ok_or(Unwritable::Broken)?;
    json.push(b'{');
    let begin = json.len();
    json.extend_from_slice(b"\"@type\":");
    write_string(&type_url, json)?;
    write_members(&descriptor, &value, begin, json)?;
    json.push(b'}');
    Ok(())
}

/// Appends the members of a message to an object whose members begin at `begin`.
fn write_members(descriptor: &MessageDescriptor, wire: &[u8], begin: usize, json: &mut Vec<u8>) -> Written {
    let all = fields(wire)?;
    let mut inexact = Vec::new();
    for field in descriptor.fields().filter(|field| !is_hidden(field)) {
        match json_field(&field) {
            Some(text) => {
                let text = all.iter().rfind(|(number, _)| *number == text.number()).map(|(_, text)| text.bytes());
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    write_name(&field, begin, json)?;
                    inexact = write_payload(utf8(text)?, json);
                }
            }
            // Fields come in the order of their numbers: the payload was before it.
            None if has_inexact_fields(&field) => {
                write_name(&field, begin, json)?;
                json.extend_from_slice(format!("[{}]", inexact.join(",")).as_bytes());
            }
            None => write_member(&field, &all, begin, json)?,
        }
    }
    Ok(())
}

/// Appends a member, if the message has one.
fn write_member(field: &FieldDescriptor, all: &[(u32, Wire<'_>)], begin: usize, json: &mut Vec<u8>) -> Written {
    let mut of_field = all.iter().filter(|(number, _)| *number == field.number()).map(|(_, value)| *value);
    let is_many = field.is_list() || field.is_map();
    let last = if is_many { None } else { of_field.next_back() };
    if !is_many && last.is_none() && field.supports_presence() {
        return Ok(());
    }
    write_name(field, begin, json)?;
    match (&field.kind(), last) {
        (Kind::Message(entry), _) if field.is_map() => write_map(entry, of_field, json),
        (kind, _) if field.is_list() => write_list(kind, of_field, json),
        (kind, Some(value)) => write_value(kind, value, json),
        (kind, None) => write_value(kind, default(kind), json),
    }
}

/// Appends the name of a member of an object whose members begin at `begin`.
fn write_name(field: &FieldDescriptor, begin: usize, json: &mut Vec<u8>) -> Written {
    write_comma(begin, json);
    write_string(field.name(), json)?;
    json.push(b':');
    Ok(())
}

/// Appends a comma if there is anything since `begin`.
fn write_comma(begin: usize, json: &mut Vec<u8>) {
    if json.len() > begin {
        json.push(b',');
    }
}

/// Appends a value without its name.
fn write_value(kind: &Kind, value: Wire<'_>, json: &mut Vec<u8>) -> Written {
    match kind {
        Kind::Message(descriptor) => write_message(descriptor, value.bytes(), json),
        kind => write_scalar(kind, value, json),
    }
}

fn write_list<'a>(kind: &Kind, values: impl Iterator<Item = Wire<'a>>, json: &mut Vec<u8>) -> Written {
    json.push(b'[');
    let begin = json.len();
    let element = |value, json: &mut Vec<u8>| {
        write_comma(begin, json);
        write_value(kind, value, json)
    };
    for value in values {
        match value {
            Wire::Bytes(mut packed) if is_packed(kind) => {
                while !packed.is_empty() {
                    element(Wire::take(wire_type(kind), &mut packed)?, json)?;
                }
            }
            value => element(value, json)?,
        }
    }
    json.push(b']');
    Ok(())
}

fn write_map<'a>(entry: &MessageDescriptor, entries: impl Iterator<Item = Wire<'a>>, json: &mut Vec<u8>) -> Written {
    let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field().kind());
    json.push(b'{');
    let begin = json.len();
    for entry in entries {
        let all = fields(entry.bytes())?;
        let of = |number: u32| all.iter().rev().find(|(found, _)| *found == number).map(|(_, value)| *value);
        write_comma(begin, json);
        // The contract's maps have strings as keys.
        write_string(utf8(of(key.number()).map_or(&[], Wire::bytes))?, json)?;
        json.push(b':');
        let absent = if matches!(value, Kind::Message(_)) { Wire::Bytes(&[]) } else { default(&value) };
        write_value(&value, of(2).unwrap_or(absent), json)?;
    }
    json.push(b'}');
    Ok(())
}
