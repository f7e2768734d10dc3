//! Numbers, strings, bytes, booleans and enums: whatever JSON may write for each.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::BufMut;
use prost::encoding::encode_varint;
use prost_reflect::Kind;
use serde::de::{DeserializeSeed, Deserializer, Error, Unexpected, Visitor};

use crate::json::INEXACT_FROM;

/// Base64, with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What JSON has.
#[derive(Debug, Clone, Copy)]
pub enum Scalar<'a> {
    Bool(bool),
    Integer(i128),
    Number(f64),
    Text(&'a str),
}

/// A value without its key.
pub struct ScalarSeed<'a> {
    pub kind: &'a Kind,
    pub wire: &'a mut Vec<u8>,
}

impl<'de> DeserializeSeed<'de> for ScalarSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl Visitor<'_> for ScalarSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(expected(self.kind))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        put(self.kind, Scalar::Bool(value), self.wire)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        put(self.kind, Scalar::Integer(value.into()), self.wire)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        put(self.kind, Scalar::Integer(value.into()), self.wire)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        put(self.kind, Scalar::Number(value), self.wire)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        put(self.kind, Scalar::Text(value), self.wire)
    }
}

fn expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::String => "a string",
        Kind::Bytes => "a string of base64",
        Kind::Bool => "true or false",
        Kind::Enum(_) => "the name of an enum's value",
        Kind::Float | Kind::Double => "a number",
        _ => "an integer",
    }
}

/// Appends a value, without key or length.
///
/// # Errors
/// If it is none of that kind.
pub fn put<E: Error>(kind: &Kind, scalar: Scalar<'_>, wire: &mut Vec<u8>) -> Result<(), E> {
    match (kind, scalar) {
        (Kind::String, Scalar::Text(text)) => wire.put_slice(text.as_bytes()),
        (Kind::Bytes, Scalar::Text(text)) => wire.put_slice(&bytes(text)?),
        (Kind::Bool, Scalar::Bool(value)) => encode_varint(value.into(), wire),
        (Kind::Enum(names), Scalar::Text(name)) => {
            let value = names.get_value_by_name(name);
            let value = value.ok_or_else(|| {
                let known: Vec<_> = names.values().map(|value| value.name().to_owned()).collect();
                E::custom(format!("unrecognized enum value '{name}', expected one of {}", known.join(", ")))
            })?;
            encode_varint(i64::from(value.number()).cast_unsigned(), wire);
        }
        (Kind::Float, scalar) => wire.put_f32_le(single(number(kind, scalar)?)?),
        (Kind::Double, scalar) => wire.put_f64_le(number(kind, scalar)?),
        (Kind::String | Kind::Bool | Kind::Bytes | Kind::Message(_), other) => return Err(unexpected(kind, other)),
        (_, scalar) => put_integer(kind, integer(kind, scalar)?, wire)?,
    }
    Ok(())
}

fn put_integer<E: Error>(kind: &Kind, value: i128, wire: &mut Vec<u8>) -> Result<(), E> {
    let outside = || E::custom(format!("{value} is out of range"));
    let signed = || i64::try_from(value).map_err(|_| outside());
    let small = || i32::try_from(value).map_err(|_| outside());
    let natural = || u64::try_from(value).map_err(|_| outside());
    let small_natural = || u32::try_from(value).map_err(|_| outside());
    match kind {
        Kind::Int64 => encode_varint(signed()?.cast_unsigned(), wire),
        Kind::Uint64 => encode_varint(natural()?, wire),
        Kind::Uint32 => encode_varint(small_natural()?.into(), wire),
        Kind::Int32 | Kind::Enum(_) => encode_varint(i64::from(small()?).cast_unsigned(), wire),
        Kind::Fixed64 => wire.put_u64_le(natural()?),
        Kind::Fixed32 => wire.put_u32_le(small_natural()?),
        Kind::Sfixed64 => wire.put_i64_le(signed()?),
        Kind::Sfixed32 => wire.put_i32_le(small()?),
        // Small numbers of either sign are short.
        _ => encode_varint(
            {
                let value = signed()?;
                (value << 1 ^ value >> 63).cast_unsigned()
            },
            wire,
        ),
    }
    Ok(())
}

fn integer<E: Error>(kind: &Kind, scalar: Scalar<'_>) -> Result<i128, E> {
    match scalar {
        Scalar::Integer(value) => Ok(value),
        // As some write an integer: 3.0 or 3e2. From 2^53 on it may have been rounded, here too: of an integer that 64 bits
        // don't hold, the parser gives the nearest double.
        Scalar::Number(value) if value.fract() == 0.0 && value.abs() >= INEXACT_FROM => {
            Err(E::custom(format!("{value} is out of range, or may have been rounded; write it in digits of 64 bits")))
        }
        Scalar::Number(value) if value.fract() == 0.0 => Ok(value as i128),
        Scalar::Text(text) if !matches!(kind, Kind::Enum(_)) => {
            text.parse().map_err(|_| E::custom(format!("'{text}' is no integer")))
        }
        other => Err(unexpected(kind, other)),
    }
}

fn number<E: Error>(kind: &Kind, scalar: Scalar<'_>) -> Result<f64, E> {
    match scalar {
        Scalar::Integer(value) => Ok(value as f64),
        Scalar::Number(value) => Ok(value),
        Scalar::Text("Infinity") => Ok(f64::INFINITY),
        Scalar::Text("-Infinity") => Ok(f64::NEG_INFINITY),
        Scalar::Text(text) => text.parse().map_err(|_| E::custom(format!("'{text}' is no number"))),
        other @ Scalar::Bool(_) => Err(unexpected(kind, other)),
    }
}

/// Decodes base64, of the standard or the URL-safe alphabet.
fn bytes<E: Error>(text: &str) -> Result<Vec<u8>, E> {
    let standard = text.replace('-', "+").replace('_', "/");
    BASE64.decode(standard).map_err(|error| E::custom(format!("'{text}' is not base64: {error}")))
}

fn single<E: Error>(value: f64) -> Result<f32, E> {
    if value.is_finite() && value.abs() > f32::MAX.into() {
        return Err(E::custom(format!("{value} is out of range")));
    }
    Ok(value as f32)
}

fn unexpected<E: Error>(kind: &Kind, scalar: Scalar<'_>) -> E {
    let text;
    let found = match scalar {
        Scalar::Bool(value) => Unexpected::Bool(value),
        Scalar::Number(value) => Unexpected::Float(value),
        Scalar::Text(text) => Unexpected::Str(text),
        Scalar::Integer(value) => {
            text = format!("integer `{value}`");
            Unexpected::Other(&text)
        }
    };
    E::invalid_type(found, &expected(kind))
}
