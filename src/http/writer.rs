//! The wire format to JSON, in one pass, for the same reason as [`super::reader`].
//!
//! Field names are those of the contract, and fields that have their default are present. 64-bit integers are numbers
//! up to ±(2^53 - 1), which JavaScript reads exactly, and strings of digits beyond.

mod well_known;

use prost::DecodeError;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_reflect::{Kind, MessageDescriptor};
use serde::Serialize;

use super::json::MAX_SAFE_INTEGER;
use super::payload::{has_inexact_fields, is_hidden, json_field, write_payload};
use super::wire_type::{is_packed, wire_type};

/// Bytes that are not the message, which no service sends.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    #[error(transparent)]
    Wire(#[from] DecodeError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("the answer breaks off")]
    Broken,
}

type Written = Result<(), Unwritable>;

/// The value of a field.
#[derive(Debug, Clone, Copy)]
enum Wire<'a> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    /// Takes a value from the beginning of `wire`.
    fn take(kind: WireType, wire: &mut &'a [u8]) -> Result<Self, Unwritable> {
        let mut cut = |length: usize| {
            let (now, later) = wire.split_at_checked(length).ok_or(Unwritable::Broken)?;
            *wire = later;
            Ok::<_, Unwritable>(now)
        };
        let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        match kind {
            WireType::SixtyFourBit => cut(8).map(|bytes| Self::Fixed(number(bytes))),
            WireType::ThirtyTwoBit => cut(4).map(|bytes| Self::Fixed(number(bytes))),
            WireType::Varint => Ok(Self::Varint(decode_varint(wire)?)),
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(wire)?).map_err(|_| Unwritable::Broken)?;
                wire.split_off(..length).map(Self::Bytes).ok_or(Unwritable::Broken)
            }
            WireType::StartGroup | WireType::EndGroup => Err(Unwritable::Broken),
        }
    }

    fn number(self) -> u64 {
        match self {
            Self::Varint(number) | Self::Fixed(number) => number,
            Self::Bytes(_) => 0,
        }
    }

    fn bytes(self) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Varint(_) | Self::Fixed(_) => &[],
        }
    }
}

/// Returns the fields of a message in their order.
fn fields(mut wire: &[u8]) -> Result<Vec<(u32, Wire<'_>)>, Unwritable> {
    let mut fields = Vec::new();
    while !wire.is_empty() {
        let (number, kind) = decode_key(&mut wire)?;
        fields.push((number, Wire::take(kind, &mut wire)?));
    }
    Ok(fields)
}

/// Appends a message to `json`.
///
/// # Errors
/// If `wire` is not that message.
pub fn write(descriptor: &MessageDescriptor, wire: &[u8], json: &mut Vec<u8>) -> Written {
    if let Some(written) = well_known::write(descriptor.full_name(), wire, json) {
        return written;
    }
    let all = fields(wire)?;
    let mut separator = b'{';
    let mut inexact = Vec::new();
    for field in descriptor.fields().filter(|field| !is_hidden(field)) {
        if let Some(text) = json_field(&field) {
            let text =
                all.iter().rfind(|(number, _)| *number == text.number()).map_or(&[][..], |(_, text)| text.bytes());
            if !text.is_empty() {
                json.push(separator);
                separator = b',';
                self::text(field.name(), json)?;
                json.push(b':');
                inexact = write_payload(utf8(text)?, json);
            }
            continue;
        }
        // Fields come in the order of their numbers: the payload was before it.
        if has_inexact_fields(&field) {
            json.push(separator);
            separator = b',';
            text(field.name(), json)?;
            json.extend_from_slice(format!(":[{}]", inexact.join(",")).as_bytes());
            continue;
        }
        let mut of_field = all.iter().filter(|(number, _)| *number == field.number()).map(|(_, value)| *value);
        let is_many = field.is_list() || field.is_map();
        let last = if is_many { None } else { of_field.next_back() };
        if !is_many && last.is_none() && field.supports_presence() {
            continue;
        }
        json.push(separator);
        separator = b',';
        text(field.name(), json)?;
        json.push(b':');
        match (&field.kind(), last) {
            (Kind::Message(entry), _) if field.is_map() => map(entry, of_field, json)?,
            (kind, _) if field.is_list() => list(kind, of_field, json)?,
            (kind, Some(value)) => one(kind, value, json)?,
            (kind, None) => one(kind, default(kind), json)?,
        }
    }
    if separator == b'{' {
        json.push(b'{');
    }
    json.push(b'}');
    Ok(())
}

/// Returns whether a message has a field that is a message itself.
///
/// # Errors
/// If `wire` is not a message.
pub fn has_message(descriptor: &MessageDescriptor, wire: &[u8]) -> Result<bool, Unwritable> {
    let is_message = |number| descriptor.get_field(number).is_some_and(|field| field.kind().as_message().is_some());
    Ok(fields(wire)?.into_iter().any(|(number, _)| is_message(number)))
}

fn default(kind: &Kind) -> Wire<'static> {
    if matches!(kind, Kind::String | Kind::Bytes) { Wire::Bytes(&[]) } else { Wire::Varint(0) }
}

fn list<'a>(kind: &Kind, values: impl Iterator<Item = Wire<'a>>, json: &mut Vec<u8>) -> Written {
    let mut separator = b'[';
    let mut element = |value, json: &mut Vec<u8>| {
        json.push(separator);
        separator = b',';
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
    if separator == b'[' {
        json.push(b'[');
    }
    json.push(b']');
    Ok(())
}

fn map<'a>(entry: &MessageDescriptor, entries: impl Iterator<Item = Wire<'a>>, json: &mut Vec<u8>) -> Written {
    let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field().kind());
    let mut separator = b'{';
    for entry in entries {
        let all = fields(entry.bytes())?;
        let of = |number: u32| all.iter().rev().find(|(found, _)| *found == number).map(|(_, value)| *value);
        json.push(separator);
        separator = b',';
        // The contract's maps have strings as keys.
        text(utf8(of(key.number()).map_or(&[], Wire::bytes))?, json)?;
        json.push(b':');
        let absent = if matches!(value, Kind::Message(_)) { Wire::Bytes(&[]) } else { default(&value) };
        one(&value, of(2).unwrap_or(absent), json)?;
    }
    if separator == b'{' {
        json.push(b'{');
    }
    json.push(b'}');
    Ok(())
}

fn one(kind: &Kind, value: Wire<'_>, json: &mut Vec<u8>) -> Written {
    let number = value.number();
    match kind {
        Kind::Message(descriptor) => write(descriptor, value.bytes(), json),
        Kind::String | Kind::Bytes => text(utf8(value.bytes())?, json),
        Kind::Bool => put(&(number != 0), json),
        Kind::Float => float(f64::from(f32::from_bits(number as u32)), &f32::from_bits(number as u32), json),
        Kind::Double => float(f64::from_bits(number), &f64::from_bits(number), json),
        Kind::Enum(names) => match names.get_value(number as i32) {
            Some(value) => text(value.name(), json),
            None => put(&(number as i32), json),
        },
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => integer(number.into(), json),
        Kind::Int32 | Kind::Sfixed32 => put(&(number as i32), json),
        Kind::Int64 | Kind::Sfixed64 => integer(number.cast_signed().into(), json),
        Kind::Sint32 | Kind::Sint64 => {
            integer(((number >> 1).cast_signed() ^ -((number & 1).cast_signed())).into(), json)
        }
    }
}

/// Integers that JavaScript would round are strings.
fn integer(value: i128, json: &mut Vec<u8>) -> Written {
    if value.unsigned_abs() <= MAX_SAFE_INTEGER.into() { put(&value, json) } else { text(&value.to_string(), json) }
}

/// Numbers that are not finite are strings.
fn float(value: f64, written: &impl Serialize, json: &mut Vec<u8>) -> Written {
    match value {
        _ if value.is_finite() => put(written, json),
        _ if value.is_nan() => text("NaN", json),
        _ => text(if value > 0.0 { "Infinity" } else { "-Infinity" }, json),
    }
}

fn text(text: &str, json: &mut Vec<u8>) -> Written {
    put(&text, json)
}

fn utf8(bytes: &[u8]) -> Result<&str, Unwritable> {
    str::from_utf8(bytes).map_err(|_| Unwritable::Broken)
}

fn put(value: &impl Serialize, json: &mut Vec<u8>) -> Written {
    Ok(serde_json::to_writer(json, value)?)
}
