//! Messages, by their descriptors: field names are those of the contract, and fields that have their default are present.

use prost::Message;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use prost_types::Any;

use super::scalar::{scalar, text, utf8};
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
pub fn message(descriptor: &MessageDescriptor, wire: &[u8], json: &mut Vec<u8>) -> Written {
    if descriptor.full_name() == ANY {
        return any(wire, json);
    }
    if let Some(written) = well_known::write(descriptor.full_name(), wire, json) {
        return written;
    }
    json.push(b'{');
    members(descriptor, wire, json)?;
    json.push(b'}');
    Ok(())
}

/// Appends a message of any type: its members after its type.
fn any(wire: &[u8], json: &mut Vec<u8>) -> Written {
    let Any { type_url, value } = Any::decode(wire)?;
    let name = type_url.rsplit('/').next().unwrap_or_default();
    let descriptor = pool().get_message_by_name(name).ok_or(Unwritable::Broken)?;
    json.extend_from_slice(b"{\"@type\":");
    text(&type_url, json)?;
    let end = json.len();
    json.push(b',');
    members(&descriptor, &value, json)?;
    if json.len() == end + 1 {
        json.truncate(end);
    }
    json.push(b'}');
    Ok(())
}

/// Appends the members of a message's object, without its braces.
fn members(descriptor: &MessageDescriptor, wire: &[u8], json: &mut Vec<u8>) -> Written {
    let all = fields(wire)?;
    let begin = json.len();
    let mut inexact = Vec::new();
    for field in descriptor.fields().filter(|field| !is_hidden(field)) {
        if let Some(text) = json_field(&field) {
            let text =
                all.iter().rfind(|(number, _)| *number == text.number()).map_or(&[][..], |(_, text)| text.bytes());
            if !text.is_empty() {
                name(&field, begin, json)?;
                inexact = write_payload(utf8(text)?, json);
            }
            continue;
        }
        // Fields come in the order of their numbers: the payload was before it.
        if has_inexact_fields(&field) {
            name(&field, begin, json)?;
            json.extend_from_slice(format!("[{}]", inexact.join(",")).as_bytes());
            continue;
        }
        let mut of_field = all.iter().filter(|(number, _)| *number == field.number()).map(|(_, value)| *value);
        let is_many = field.is_list() || field.is_map();
        let last = if is_many { None } else { of_field.next_back() };
        if !is_many && last.is_none() && field.supports_presence() {
            continue;
        }
        name(&field, begin, json)?;
        match (&field.kind(), last) {
            (Kind::Message(entry), _) if field.is_map() => map(entry, of_field, json)?,
            (kind, _) if field.is_list() => list(kind, of_field, json)?,
            (kind, Some(value)) => one(kind, value, json)?,
            (kind, None) => one(kind, default(kind), json)?,
        }
    }
    Ok(())
}

/// Appends the name of a member of an object whose members begin at `begin`.
fn name(field: &FieldDescriptor, begin: usize, json: &mut Vec<u8>) -> Written {
    separate(begin, json);
    text(field.name(), json)?;
    json.push(b':');
    Ok(())
}

/// Appends a comma if there is anything since `begin`.
fn separate(begin: usize, json: &mut Vec<u8>) {
    if json.len() > begin {
        json.push(b',');
    }
}

/// Appends a value without its name.
fn one(kind: &Kind, value: Wire<'_>, json: &mut Vec<u8>) -> Written {
    match kind {
        Kind::Message(descriptor) => message(descriptor, value.bytes(), json),
        kind => scalar(kind, value, json),
    }
}

fn list<'a>(kind: &Kind, values: impl Iterator<Item = Wire<'a>>, json: &mut Vec<u8>) -> Written {
    json.push(b'[');
    let begin = json.len();
    let element = |value, json: &mut Vec<u8>| {
        separate(begin, json);
        one(kind, value, json)
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

fn map<'a>(entry: &MessageDescriptor, entries: impl Iterator<Item = Wire<'a>>, json: &mut Vec<u8>) -> Written {
    let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field().kind());
    json.push(b'{');
    let begin = json.len();
    for entry in entries {
        let all = fields(entry.bytes())?;
        let of = |number: u32| all.iter().rev().find(|(found, _)| *found == number).map(|(_, value)| *value);
        separate(begin, json);
        // The contract's maps have strings as keys.
        text(utf8(of(key.number()).map_or(&[], Wire::bytes))?, json)?;
        json.push(b':');
        let absent = if matches!(value, Kind::Message(_)) { Wire::Bytes(&[]) } else { default(&value) };
        one(&value, of(2).unwrap_or(absent), json)?;
    }
    json.push(b'}');
    Ok(())
}
