//! Decoding of numbers, strings, bytes, booleans and enums, in all JSON forms that the mapping allows.

use std::fmt;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::BufMut;
use prost::encoding::encode_varint;
use prost_reflect::Kind;
use serde::de::{DeserializeSeed, Deserializer, Error, Unexpected, Visitor};

use crate::json::TWO_POW_53;

/// Base64 engine that accepts input with and without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Scalar value of JSON.
#[derive(Debug, Clone, Copy)]
pub enum JsonScalar<'a> {
    Bool(bool),
    Integer(i128),
    Float(f64),
    String(&'a str),
}

/// Decodes a scalar and appends it to `wire` without a key.
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
        f.write_str(describe_expected(self.kind))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        put_scalar(self.kind, JsonScalar::Bool(value), self.wire)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        put_scalar(self.kind, JsonScalar::Integer(value.into()), self.wire)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        put_scalar(self.kind, JsonScalar::Integer(value.into()), self.wire)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        put_scalar(self.kind, JsonScalar::Float(value), self.wire)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        put_scalar(self.kind, JsonScalar::String(value), self.wire)
    }
}

fn describe_expected(kind: &Kind) -> &'static str {
    match kind {
        Kind::String => "a string",
        Kind::Bytes => "a base64 string",
        Kind::Bool => "true or false",
        Kind::Enum(_) => "the name of an enum value",
        Kind::Float | Kind::Double => "a number",
        _ => "an integer",
    }
}

/// Appends a value without key and length.
///
/// # Errors
/// If the value doesn't have the type `kind`, or is out of range.
pub fn put_scalar<E: Error>(kind: &Kind, scalar: JsonScalar<'_>, wire: &mut Vec<u8>) -> Result<(), E> {
    match (kind, scalar) {
        (Kind::String, JsonScalar::String(text)) => wire.put_slice(text.as_bytes()),
        (Kind::Bytes, JsonScalar::String(text)) => wire.put_slice(&decode_base64(text)?),
        (Kind::Bool, JsonScalar::Bool(value)) => encode_varint(value.into(), wire),
        (Kind::Enum(descriptor), JsonScalar::String(name)) => {
            let value = descriptor.get_value_by_name(name);
            let value = value.ok_or_else(|| {
                let known: Vec<_> = descriptor.values().map(|value| value.name().to_owned()).collect();
                E::custom(format!("unrecognized enum value '{name}', expected one of {}", known.join(", ")))
            })?;
            encode_varint(i64::from(value.number()).cast_unsigned(), wire);
        }
        (Kind::Float, scalar) => wire.put_f32_le(to_f32(to_f64(kind, scalar)?)?),
        (Kind::Double, scalar) => wire.put_f64_le(to_f64(kind, scalar)?),
        (Kind::String | Kind::Bool | Kind::Bytes | Kind::Message(_), other) => {
            return Err(invalid_type_error(kind, other));
        }
        (_, scalar) => put_integer(kind, to_integer(kind, scalar)?, wire)?,
    }
    Ok(())
}

fn put_integer<E: Error>(kind: &Kind, value: i128, wire: &mut Vec<u8>) -> Result<(), E> {
    let out_of_range = || E::custom(format!("{value} is out of range"));
    let to_i64 = || i64::try_from(value).map_err(|_| out_of_range());
    let to_i32 = || i32::try_from(value).map_err(|_| out_of_range());
    let to_u64 = || u64::try_from(value).map_err(|_| out_of_range());
    let to_u32 = || u32::try_from(value).map_err(|_| out_of_range());
    match kind {
        Kind::Int64 => encode_varint(to_i64()?.cast_unsigned(), wire),
        Kind::Uint64 => encode_varint(to_u64()?, wire),
        Kind::Uint32 => encode_varint(to_u32()?.into(), wire),
        Kind::Int32 | Kind::Enum(_) => encode_varint(i64::from(to_i32()?).cast_unsigned(), wire),
        Kind::Fixed64 => wire.put_u64_le(to_u64()?),
        Kind::Fixed32 => wire.put_u32_le(to_u32()?),
        Kind::Sfixed64 => wire.put_i64_le(to_i64()?),
        Kind::Sfixed32 => wire.put_i32_le(to_i32()?),
        // sint32 and sint64: zigzag encoding.
        _ => encode_varint(
            {
                let value = to_i64()?;
                (value << 1 ^ value >> 63).cast_unsigned()
            },
            wire,
        ),
    }
    Ok(())
}

fn to_integer<E: Error>(kind: &Kind, scalar: JsonScalar<'_>) -> Result<i128, E> {
    match scalar {
        JsonScalar::Integer(value) => Ok(value),
        // Integers may be written as 3.0 or 3e2. From 2^53 on, such a number may have been rounded; the parser also returns the
        // nearest double for an integer of more than 64 bits.
        JsonScalar::Float(value) if value.fract() == 0.0 && value.abs() >= TWO_POW_53 => Err(E::custom(format!(
            "{value} is out of range, or may have been rounded; write an integer of up to 64 bits in digits"
        ))),
        JsonScalar::Float(value) if value.fract() == 0.0 => Ok(value as i128),
        JsonScalar::String(text) if !matches!(kind, Kind::Enum(_)) => {
            text.parse().map_err(|_| E::custom(format!("'{text}' is not an integer")))
        }
        other => Err(invalid_type_error(kind, other)),
    }
}

fn to_f64<E: Error>(kind: &Kind, scalar: JsonScalar<'_>) -> Result<f64, E> {
    match scalar {
        JsonScalar::Integer(value) => Ok(value as f64),
        JsonScalar::Float(value) => Ok(value),
        JsonScalar::String("Infinity") => Ok(f64::INFINITY),
        JsonScalar::String("-Infinity") => Ok(f64::NEG_INFINITY),
        JsonScalar::String(text) => text.parse().map_err(|_| E::custom(format!("'{text}' is not a number"))),
        other @ JsonScalar::Bool(_) => Err(invalid_type_error(kind, other)),
    }
}

/// Decodes base64 of the standard or the URL-safe alphabet.
fn decode_base64<E: Error>(text: &str) -> Result<Vec<u8>, E> {
    let standard = text.replace('-', "+").replace('_', "/");
    BASE64.decode(standard).map_err(|error| E::custom(format!("'{text}' is not base64: {error}")))
}

fn to_f32<E: Error>(value: f64) -> Result<f32, E> {
    if value.is_finite() && value.abs() > f32::MAX.into() {
        return Err(E::custom(format!("{value} is out of range")));
    }
    Ok(value as f32)
}

fn invalid_type_error<E: Error>(kind: &Kind, scalar: JsonScalar<'_>) -> E {
    let text;
    let found = match scalar {
        JsonScalar::Bool(value) => Unexpected::Bool(value),
        JsonScalar::Float(value) => Unexpected::Float(value),
        JsonScalar::String(text) => Unexpected::Str(text),
        JsonScalar::Integer(value) => {
            text = format!("integer `{value}`");
            Unexpected::Other(&text)
        }
    };
    E::invalid_type(found, &describe_expected(kind))
}
