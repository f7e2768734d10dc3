//! Payloads that come as the text of a JSON object.

use serde_json::{Number, Value};

use super::limits::{FIELD, PayloadLimits, descend, invalid_at, too_large};
use crate::json::{self, JsonError};
use crate::types::{Fault, FieldPath, Payload, Reason};

/// Parses a JSON object.
///
/// # Errors
/// Text that is no JSON object, a number that can't be stored exactly, too deep a nesting, too many bytes; each by its path.
pub fn from_json(text: &str, limits: PayloadLimits) -> Result<Payload, Fault> {
    let fields =
        json::parse_object(text.as_bytes(), limits.bytes).map_err(|JsonError { path, problem, is_too_large }| {
            if is_too_large {
                return too_large("more", limits.bytes);
            }
            let at = if path.is_empty() { FIELD.to_owned() } else { format!("{FIELD}.{path}") };
            Fault::new(Reason::InvalidArgument, at, problem)
        })?;
    convert_object(fields, &FieldPath::new(FIELD), limits.depth)
}

/// `room` is how many levels there may be, this one included.
fn convert_object(fields: Payload, path: &FieldPath<'_>, room: usize) -> Result<Payload, Fault> {
    let room = descend(room, path)?;
    let entries = fields.into_iter().map(|(name, field)| {
        let field = convert_value(field, &path.field(&name), room)?;
        Ok((name, field))
    });
    entries.collect()
}

/// Converts a value to the one that is stored.
fn convert_value(value: Value, path: &FieldPath<'_>, room: usize) -> Result<Value, Fault> {
    Ok(match value {
        Value::Number(number) => Value::Number(convert_number(number, path)?),
        Value::Object(fields) => Value::Object(convert_object(fields, path, room)?),
        Value::Array(values) => {
            let room = descend(room, path)?;
            let values = values.into_iter().enumerate();
            let values = values.map(|(index, element)| convert_value(element, &path.element(index), room));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        other @ (Value::Null | Value::Bool(_) | Value::String(_)) => other,
    })
}

/// Converts a number to the one that is stored: stores have signed integers of 64 bits and doubles.
fn convert_number(number: Number, path: &FieldPath<'_>) -> Result<Number, Fault> {
    if number.is_i64() {
        return Ok(number);
    }
    let double = number.as_f64().filter(|_| number.is_f64()).and_then(json::number);
    double.ok_or_else(|| {
        let message = format!("{number} is beyond 2^63 - 1, so it can't be stored exactly; make it a string");
        invalid_at(path, message)
    })
}
