//! Encoding of numbers, strings, bytes, booleans and enums.
//!
//! 64-bit integers are numbers up to ±(2^53 - 1), which JavaScript represents exactly, and strings of digits beyond. Bytes are
//! base64.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use prost_reflect::Kind;
use serde::Serialize;

use super::wire_value::{EncodeError, EncodeResult, WireValue};
use crate::http::safe_integer::MAX_SAFE_INTEGER;

/// Appends a scalar value.
///
/// # Errors
/// [`EncodeError::Malformed`] if the value is a string that is not UTF-8, or a message.
pub fn write_scalar(kind: &Kind, value: WireValue<'_>, json: &mut Vec<u8>) -> EncodeResult {
    let number = value.number();
    match kind {
        Kind::Message(_) => Err(EncodeError::Malformed),
        Kind::String => write_string(decode_utf8(value.bytes())?, json),
        Kind::Bytes => write_string(&BASE64_STANDARD.encode(value.bytes()), json),
        Kind::Bool => write_json(&(number != 0), json),
        Kind::Float => write_float(f64::from(f32::from_bits(number as u32)), &f32::from_bits(number as u32), json),
        Kind::Double => write_float(f64::from_bits(number), &f64::from_bits(number), json),
        Kind::Enum(descriptor) => match descriptor.get_value(number as i32) {
            Some(value) => write_string(value.name(), json),
            None => write_json(&(number as i32), json),
        },
        Kind::Uint32 | Kind::Uint64 | Kind::Fixed32 | Kind::Fixed64 => write_integer(number.into(), json),
        Kind::Int32 | Kind::Sfixed32 => write_json(&(number as i32), json),
        Kind::Int64 | Kind::Sfixed64 => write_integer(number.cast_signed().into(), json),
        Kind::Sint32 | Kind::Sint64 => {
            write_integer(((number >> 1).cast_signed() ^ -((number & 1).cast_signed())).into(), json)
        }
    }
}

/// Appends an integer, as a string if JavaScript would round it.
///
/// # Errors
/// Never fails in practice: writing to a `Vec` succeeds.
pub fn write_integer(value: i128, json: &mut Vec<u8>) -> EncodeResult {
    if value.unsigned_abs() <= MAX_SAFE_INTEGER.into() {
        write_json(&value, json)
    } else {
        write_string(&value.to_string(), json)
    }
}

/// Appends a float, as a string if it is not finite. `original` is the value in its own precision.
///
/// # Errors
/// Never fails in practice: writing to a `Vec` succeeds.
pub fn write_float(value: f64, original: &impl Serialize, json: &mut Vec<u8>) -> EncodeResult {
    match value {
        _ if value.is_finite() => write_json(original, json),
        _ if value.is_nan() => write_string("NaN", json),
        _ => write_string(if value > 0.0 { "Infinity" } else { "-Infinity" }, json),
    }
}

/// Appends a string.
///
/// # Errors
/// Never fails in practice: writing to a `Vec` succeeds.
pub fn write_string(text: &str, json: &mut Vec<u8>) -> EncodeResult {
    write_json(&text, json)
}

/// Returns bytes as a string slice.
///
/// # Errors
/// [`EncodeError::Malformed`] if the bytes are not UTF-8.
pub fn decode_utf8(bytes: &[u8]) -> Result<&str, EncodeError> {
    str::from_utf8(bytes).map_err(|_| EncodeError::Malformed)
}

/// Appends a value.
///
/// # Errors
/// [`EncodeError::Json`] if JSON can't represent the value.
pub fn write_json(value: &impl Serialize, json: &mut Vec<u8>) -> EncodeResult {
    Ok(serde_json::to_writer(json, value)?)
}
