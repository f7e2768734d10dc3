//! Payloads that come as the text of a JSON object.

use serde_json::{Number, Value};

use super::limits::{PAYLOAD_FIELD, PayloadLimits, descend, invalid_argument_at, too_large_error};
use crate::json::{self, JsonError};
use crate::types::{ApiError, ErrorReason, FieldPath, Payload};

/// Parses a JSON object.
///
/// # Errors
/// Text that is no JSON object, a number that can't be stored exactly, too deep a nesting, too many bytes; each by its path.
pub fn parse_json_payload(text: &str, limits: PayloadLimits) -> Result<Payload, ApiError> {
    let fields = json::parse_object(text.as_bytes(), limits.max_bytes).map_err(
        |JsonError { path, message: problem, is_too_large }| {
            if is_too_large {
                return too_large_error("more", limits.max_bytes);
            }
            let field = if path.is_empty() { PAYLOAD_FIELD.to_owned() } else { format!("{PAYLOAD_FIELD}.{path}") };
            ApiError::new(ErrorReason::InvalidArgument, field, problem)
        },
    )?;
    convert_object(fields, &FieldPath::new(PAYLOAD_FIELD), limits.max_depth)
}

/// `room` is how many levels there may be, this one included.
fn convert_object(fields: Payload, path: &FieldPath<'_>, remaining_depth: usize) -> Result<Payload, ApiError> {
    let remaining_depth = descend(remaining_depth, path)?;
    let entries = fields.into_iter().map(|(name, field)| {
        let field = convert_value(field, &path.field(&name), remaining_depth)?;
        Ok((name, field))
    });
    entries.collect()
}

/// Converts a value to the one that is stored.
fn convert_value(value: Value, path: &FieldPath<'_>, remaining_depth: usize) -> Result<Value, ApiError> {
    Ok(match value {
        Value::Number(number) => Value::Number(convert_number(number, path)?),
        Value::Object(fields) => Value::Object(convert_object(fields, path, remaining_depth)?),
        Value::Array(values) => {
            let remaining_depth = descend(remaining_depth, path)?;
            let values = values.into_iter().enumerate();
            let values = values.map(|(index, element)| convert_value(element, &path.element(index), remaining_depth));
            Value::Array(values.collect::<Result<_, _>>()?)
        }
        other @ (Value::Null | Value::Bool(_) | Value::String(_)) => other,
    })
}

/// Converts a number to the one that is stored: stores have signed integers of 64 bits and doubles.
fn convert_number(number: Number, path: &FieldPath<'_>) -> Result<Number, ApiError> {
    if number.is_i64() {
        return Ok(number);
    }
    let double = number.as_f64().filter(|_| number.is_f64()).and_then(json::number_from_f64);
    double.ok_or_else(|| {
        let message = format!("{number} is beyond 2^63 - 1, so it can't be stored exactly; make it a string");
        invalid_argument_at(path, message)
    })
}
