//! The bytes that a message is on the wire to JSON, in one pass, for the same reason as [`super::reader`] is one.
//!
//! Field names are as they are in the contract; fields that have their default are there; 64-bit integers are numbers.

use prost::DecodeError;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_reflect::{Kind, MessageDescriptor};
use serde::Serialize;

use super::payload::{is_hidden, json_field};
use super::wire_type::{is_packed, wire_type};

/// What can't be written: bytes that are no such message, which no service sends.
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

/// A field's value as it comes.
#[derive(Debug, Clone, Copy)]
enum Wire<'a> {
    Varint(u64),
    Fixed(u64),
    Bytes(&'a [u8]),
}

impl<'a> Wire<'a> {
    /// Cuts one off.
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

/// All fields of a message, in the order in which they come.
fn fields(mut wire: &[u8]) -> Result<Vec<(u32, Wire<'_>)>, Unwritable> {
    let mut fields = Vec::new();
    while !wire.is_empty() {
        let (number, kind) = decode_key(&mut wire)?;
        fields.push((number, Wire::take(kind, &mut wire)?));
    }
    Ok(fields)
}

/// Appends to `json` the message that `wire` is.
///
/// # Errors
/// If it is no such message.
pub fn write(descriptor: &MessageDescriptor, wire: &[u8], json: &mut Vec<u8>) -> Written {
    let all = fields(wire)?;
    let mut separator = b'{';
    for field in descriptor.fields().filter(|field| !is_hidden(field)) {
        if let Some(text) = json_field(&field) {
            // It is JSON already.
            let text =
                all.iter().rfind(|(number, _)| *number == text.number()).map_or(&[][..], |(_, text)| text.bytes());
            if !text.is_empty() {
                json.push(separator);
                separator = b',';
                self::text(field.name(), json)?;
                json.push(b':');
                json.extend_from_slice(utf8(text)?.as_bytes());
            }
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
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => put(&number, json),
        Kind::Int32 | Kind::Sfixed32 => put(&(number as i32), json),
        Kind::Int64 | Kind::Sfixed64 => put(&number.cast_signed(), json),
        Kind::Sint32 | Kind::Sint64 => put(&((number >> 1).cast_signed() ^ -((number & 1).cast_signed())), json),
    }
}

/// What is not finite is a string.
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
